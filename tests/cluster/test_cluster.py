"""Real nodes of Ray's test cluster, a real model: the same keys, texts and decisions as on one machine."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import platformdirs
import pytest

from quant_triage.harness import (
    GraderInfo,
    Hardware,
    ModelCard,
    Policy,
    Reply,
    Request,
    Result,
    Sampling,
    evaluate,
)
from quant_triage.harness._journal import Plan, read_journal
from quant_triage.harness._verdict import FAILING
from quant_triage.harness.engines import GgufSource, Progress, Source, open_sources
from quant_triage.harness.grading import RuleGrader
from quant_triage.prompts import load_suite

from ..decision._cases import policy
from .conftest import children, have_nodes, make_nodes, wait_for

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster as RayNodes

    from quant_triage.harness.cluster._cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

LOOSE = policy(danger=0.9, incoherent=0.95, refusal=0.95, coverage=0.0).model_copy(update={"prompts": 16})
ONE_SLOT = Sampling(max_tokens=24, slots=1)
"""With one slot, and threads alike, a text depends on nothing but its prompt."""


class Here(NamedTuple):
    """A run without a cluster."""

    sources: list[Source]
    folder: Path
    result: Result


@pytest.fixture(scope="module")
def here(levels: Path, grader: RuleGrader, tmp_path_factory: pytest.TempPathFactory) -> Here:
    sources = open_sources(levels, ONE_SLOT, Hardware(threads=1))
    folder = tmp_path_factory.mktemp("here")
    return Here(sources, folder, run(sources, folder, grader, ONE_SLOT))


def run(
    sources: Sequence[Source],
    folder: Path,
    grader: RuleGrader,
    sampling: Sampling,
    *,
    held: Policy = LOOSE,
    jobs: int = 1,
    curtail: bool = False,
    seen: Callable[[int], None] = lambda _done: None,
) -> Result:
    def watch(card: ModelCard, done: int, total: int, progress: Progress, note: str = "") -> None:
        seen(done)

    return evaluate(
        sources,
        load_suite(),
        folder,
        policy=held,
        grader=grader,
        grader_info=GraderInfo(name=grader.name, version=grader.version, rubrics_sha256="0"),
        sampling=sampling,
        labels={},
        watch=watch,
        jobs=jobs,
        curtail=curtail,
    )


def texts(folder: Path) -> dict[str, str]:
    replies = list(read_journal(folder / "journal.jsonl", Reply))
    found = {reply.key: reply.reply for reply in replies}
    assert len(found) == len(replies)
    return found


class Most:
    """The most child processes that were seen side by side while the context lasted."""

    def __init__(self) -> None:
        self.seen = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.seen = max(self.seen, children())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_one_two_and_four_nodes_say_and_decide_what_one_machine_does(
    nodes: "RayNodes", cluster: "Cluster", tmp_path: Path, grader: RuleGrader, here: Here
) -> None:
    sources, folder, expected = here
    for count in (1, 2, 4):
        make_nodes(nodes, cluster, count)
        out = tmp_path / str(count)
        with Most() as most:
            found = run(cluster.spread(sources), out, grader, ONE_SLOT, jobs=cluster.models)
        assert texts(out) == texts(folder)
        assert found.decision == expected.decision
        assert [model.verdict for model in found.models] == [model.verdict for model in expected.models]
        assert min(count, 2) <= most.seen <= count
        wait_for(lambda: children() == 0, 5)


def test_a_node_that_dies_changes_nothing(
    nodes: "RayNodes", cluster: "Cluster", tmp_path: Path, grader: RuleGrader, here: Here
) -> None:
    sources, folder, expected = here
    have_nodes(nodes, cluster, 2)
    victim = list(nodes.worker_nodes)[-1]
    once = threading.Lock()  # replies of three models arrive side by side
    heard: list[int] = []

    def kill(done: int) -> None:
        heard.append(done)
        if done >= 3 and once.acquire(blocking=False):
            nodes.remove_node(victim, allow_graceful=False)
            heard.clear()

    hurt = run(cluster.spread(sources), tmp_path / "hurt", grader, ONE_SLOT, jobs=3, seen=kill)
    assert victim not in nodes.worker_nodes
    assert heard, "it died before the last reply"
    assert texts(tmp_path / "hurt") == texts(folder)
    assert hurt.decision == expected.decision
    assert [model.outcome.status for model in hurt.models] == ["ok"] * 3


def test_stopping_early_reaches_the_nodes_and_decides_as_in_full(
    levels: Path, nodes: "RayNodes", cluster: "Cluster", tmp_path: Path, grader: RuleGrader
) -> None:
    strict = policy()  # no level of a random model passes
    sampling = Sampling(max_tokens=24, slots=2)
    sources = open_sources(levels, sampling, Hardware(threads=1))
    whole = run(sources, tmp_path / "whole", grader, sampling, held=strict)
    have_nodes(nodes, cluster, 1)
    cut = run(cluster.spread(sources), tmp_path / "cut", grader, sampling, held=strict, jobs=3, curtail=True)
    wait_for(lambda: children() == 0, 5)
    assert cut.decision.status == whole.decision.status
    assert {model.sha256: model.verdict in FAILING for model in cut.models} == {
        model.sha256: model.verdict in FAILING for model in whole.models
    }
    stopped = [model for model in cut.models if model.stopped_at is not None]
    assert stopped
    assert sum(len(model.replies) for model in cut.models) < sum(len(model.replies) for model in whole.models)
    plans = list(read_journal(tmp_path / "cut" / "journal.jsonl", Plan))
    assert plans[-1].stopped_at == {model.sha256: model.stopped_at for model in stopped}


def test_a_model_that_no_node_can_see_travels_through_the_store(
    levels: Path, cluster: "Cluster", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(levels)
    # What this path means depends on who looks: on a node it is another folder.
    source = GgufSource(Path("/proc/self/cwd/tiny-Q2_K.gguf"), ONE_SLOT, Hardware(threads=1))
    copy = platformdirs.user_cache_path("quant-triage") / "cluster" / f"{source.card.sha256}.gguf"
    copy.unlink(missing_ok=True)
    requests = ask_for(source, 3)
    try:
        found = answers(cluster, source, requests)
        assert copy.stat().st_size == source.card.bytes
        copy.write_bytes(copy.read_bytes()[:-1] + b"x")  # damaged: fetched again
        assert answers(cluster, source, requests) == found
    finally:
        copy.unlink(missing_ok=True)
    assert found == {reply.key: reply.reply for reply in heard(source, requests)}


def ask_for(source: GgufSource, count: int) -> list[Request]:
    return [
        Request(
            key=source.key(f"what should I do {number}", 0),
            prompt_id=str(number),
            scenario="shock",
            sample=0,
            prompt=f"what should I do {number}",
        )
        for number in range(count)
    ]


def heard(source: Source, requests: Sequence[Request]) -> list[Reply]:
    replies: list[Reply] = []
    outcome, speed = source.generate(requests, replies.append, lambda _progress: None)
    assert outcome.status == "ok", outcome
    assert speed.tokens == sum(reply.tokens for reply in replies)
    return replies


def answers(cluster: "Cluster", source: GgufSource, requests: Sequence[Request]) -> dict[str, str]:
    (spread,) = cluster.spread([source])
    return {reply.key: reply.reply for reply in heard(spread, requests)}
