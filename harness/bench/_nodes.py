"""One node on one core against two on two: Ray's test cluster on this machine, each node held to a core."""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ray
from ray.cluster_utils import Cluster as RayNodes

from quant_triage.data import Record, UsageError

from .._journal import Journal
from .._records import Hardware, Outcome, Reply, Request, Sampling, Speed
from ..cluster._address import stay_quiet
from ..cluster._cluster import Cluster, living_nodes
from ..cluster._connect import connect, survey_nodes
from ..cluster._messages import Ended, Heard, Message, Shard
from ..cluster._shards import ROUNDS
from ..cluster._spread import SpreadSource
from ..cluster._travel import find_model, put_model
from ..engines import GgufSource, Progress
from ._contest import Told

if TYPE_CHECKING:
    from ray._private.node import Node

TARGET = 0.70
_REPLIES = 3000
_STORE = 256 << 20


class ClusterBench(Record):
    """What was measured.

    Attributes:
        one: Seconds that one node took, a round each.
        two: Seconds that two took for the same shards.
        shard: Seconds of a shard with one request of one token: placing, starting, loading.
        intake: Replies a second that this machine takes from the nodes and journals.
        travel: Bytes a second from this machine's disk through the store to a node's.
        load: The machine's load average over the minute before.
    """

    model: str
    bytes: int
    shards: int
    requests: int
    tokens: int
    one: tuple[float, ...]
    two: tuple[float, ...]
    shard: float
    intake: float
    travel: float
    load: float

    @property
    def efficiency(self) -> float:
        """Median time of one node over twice that of two: 1 when the second node halves it."""
        return statistics.median(self.one) / (2 * statistics.median(self.two))

    @property
    def reached(self) -> bool:
        """Whether the efficiency is what was asked for."""
        return self.efficiency >= TARGET


@contextlib.contextmanager
def _held_to(cores: set[int]) -> Iterator[None]:
    """Start processes on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _add(nodes: RayNodes, core: int) -> "Node":
    with _held_to({core}):
        return nodes.add_node(num_cpus=1, memory=4 << 30, object_store_memory=_STORE)


def bench_nodes(
    model: Path, prompts: Sequence[str], *, shards: int, tokens: int, slots: int, rounds: int, told: Told
) -> ClusterBench:
    """Answer the same shards on one node and on two, in turn, and time what else a cluster costs.

    Args:
        model: A GGUF.
        prompts: Enough for ``shards`` shards.
        shards: How many, each of ``ROUNDS`` times ``slots`` requests.
        tokens: Most new tokens of a reply.
        slots: Slots of a node.
        rounds: How often.
        told: Told every figure as it comes.

    Raises:
        UsageError: Too few cores or prompts.
    """
    cores = sorted(os.sched_getaffinity(0))
    count = shards * ROUNDS * slots
    if len(cores) < 2:
        raise UsageError("two nodes on two cores: this machine has one")
    if count > len(prompts):
        raise UsageError(
            f"--shards {shards} of {ROUNDS * slots} requests: there are only {len(prompts)} prompts"
        )
    source = GgufSource(model, Sampling(max_tokens=tokens, slots=slots), Hardware(threads=1))
    short = GgufSource(model, Sampling(max_tokens=1, slots=slots), Hardware(threads=1))
    requests = [_request(text, number) for number, text in enumerate(prompts[:count])]
    times: dict[int, list[float]] = {1: [], 2: []}
    load = os.getloadavg()[0]
    stay_quiet()
    nodes = RayNodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        _add(nodes, cores[0])
        with connect(nodes.address, threads=1) as cluster:
            for number in range(1, rounds + 1):
                for size, found in times.items():
                    second = _add(nodes, cores[1]) if size == 2 else None
                    _ready(cluster, nodes.address, size)
                    found.append(_answer(SpreadSource(source, cluster), requests))
                    told(f"round {number} of {rounds}: {size} node{'s'[: size - 1]}: {found[-1]:.1f} s")
                    if second is not None:
                        nodes.remove_node(second)
            _ready(cluster, nodes.address, 1)
            shard = _answer(SpreadSource(short, cluster), requests[:1])
            told(f"a shard of one token: {shard:.1f} s")
            intake = _REPLIES / _answer(SpreadSource(short, _Chatter(cluster)), requests[:1] * _REPLIES)
            told(f"{intake:.0f} replies/s taken in and journaled")
            travel = _travel(source)
            told(f"{travel / 1e6:.0f} MB/s through the object store")
    finally:
        nodes.shutdown()
    return ClusterBench(
        model=model.stem,
        bytes=model.stat().st_size,
        shards=shards,
        requests=ROUNDS * slots,
        tokens=tokens,
        one=tuple(times[1]),
        two=tuple(times[2]),
        shard=shard,
        intake=intake,
        travel=travel,
        load=load,
    )


def _request(text: str, number: int) -> Request:
    return Request(key=str(number), prompt_id=str(number), scenario="shock", sample=0, prompt=text)


def _ready(cluster: Cluster, address: str, size: int) -> None:
    """Wait until there are so many nodes, each with a worker that has everything imported."""
    while cluster.lanes != size:
        time.sleep(0.1)
    survey_nodes(address, [node for node in living_nodes() if node.cpus])


def _answer(source: SpreadSource, requests: Sequence[Request]) -> float:
    """Seconds from handing in to the last reply in a journal.

    Raises:
        UsageError: The model failed.
    """
    numbered = [one.model_copy(update={"key": str(number)}) for number, one in enumerate(requests)]
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.jsonl") as journal:
        began = time.perf_counter()
        outcome, _ = source.generate(numbered, journal.reply, lambda _progress: None)
        seconds = time.perf_counter() - began
        if outcome.status != "ok" or len(journal.done) != len(numbered):
            raise UsageError(f"{source.card.name}: {outcome.status}: {outcome.cause}")
    return seconds


def _chat(shard: Shard) -> Iterator[Message]:
    """Say something to every request at once, without a model."""
    for request in shard.job.requests:
        said = request.model_dump() | {"reply": "Call an ambulance. " * 20, "finish_reason": "stop"}
        reply = Reply(**said, model=shard.job.model, tokens=80, seconds=1.0)
        yield Heard(reply=reply, progress=Progress())
    yield Ended(outcome=Outcome(status="ok"), speed=Speed())


class _Chatter:
    """The cluster's nodes, with nothing to wait for: what is left is the way to this machine and its disk."""

    def __init__(self, cluster: Cluster):
        self.repacks, self.threads = cluster.repacks, cluster.threads
        self.asking, self.share = cluster.asking, cluster.share

    def submit(
        self,
        shard: Shard,
        parts: Sequence[ray.ObjectRef],  # noqa: ARG002 - no model is needed
        memory: int,  # noqa: ARG002
    ) -> ray.ObjectRefGenerator:
        """Hand in a shard."""
        return ray.remote(_chat).options(num_returns="streaming", num_cpus=1).remote(shard)


def _fetch(sha256: str, size: int, parts: Sequence[ray.ObjectRef]) -> None:
    """Make a copy of the model on a node, and remove it."""
    path = find_model(Path("nowhere"), sha256, size, parts)
    if path is not None:
        path.unlink()


def _travel(source: GgufSource) -> float:
    size = source.path.stat().st_size
    began = time.perf_counter()
    parts = put_model(source.path)
    ray.get(ray.remote(_fetch).options(num_cpus=1).remote(source.card.sha256, size, parts))
    return size / (time.perf_counter() - began)


def cluster_section(bench: ClusterBench, *, command: str, when: str, machine: dict[str, str]) -> str:
    """Render the benchmark as Markdown."""
    total = bench.shards * bench.requests
    rows = [
        f"| {size} | {statistics.median(times):.1f} | {min(times):.1f} to {max(times):.1f} | {share} |"
        for size, times, share in (
            (1, bench.one, ""),
            (2, bench.two, f"{bench.efficiency:.2f}" + ("" if bench.reached else ", **missed**")),
        )
    ]
    where = f"{machine['processor']}, {machine['memory']}, {machine['system']}"
    work = (
        f"Model: `{bench.model}` ({bench.bytes / 1e6:.0f} MB), random weights. {bench.shards} shards of"
        f" {bench.requests} prompts, at most {bench.tokens} new tokens each: {total} replies."
    )
    costs = (
        f"A shard of one request and one token takes {bench.shard:.2f} s: placing it, a child process, the"
        f" model. This machine takes in and journals {bench.intake:.0f} replies a second. A model goes"
        f" through the object store to a node's disk at {bench.travel / 1e6:.0f} MB/s, hash included."
    )
    return "\n".join(
        [
            "## Several machines",
            "",
            f"`{command}`, {when}. {where}.",
            f"When it began, other work kept a load of {bench.load:.1f} on {os.cpu_count()} cores.",
            "",
            work,
            "Nodes of Ray's test cluster on this machine, each held to one core; the head is held to none.",
            f"Median of {len(bench.one)}, in turn; from handing in to the last reply in the journal.",
            "",
            f"| nodes | seconds | lowest to highest | efficiency (asked for: at least {TARGET:.2f}) |",
            "|--:|--:|--:|--:|",
            *rows,
            "",
            costs,
        ]
    )
