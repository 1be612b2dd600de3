"""An open connection to a Ray cluster: what its nodes have and can do at a time, how work is handed in."""

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import ray

from quant_triage.data import UsageError

from ..engines import GgufSource, Source
from ._messages import Shard
from ._node import answer
from ._spread import SpreadSource

RETRIES = 3
"""How often Ray starts a shard again whose worker or node was lost."""

_LOOK_SECONDS = 2.0
_PATIENCE_SECONDS = 600.0
_AHEAD = 2
"""Shards handed in for each that can run: a node that falls free finds the next one waiting."""


class Lane(NamedTuple):
    """What one shard takes of a node, beside memory."""

    threads: int
    cpus: int
    gpus: int


class Node(NamedTuple):
    """A living node and what it has in all."""

    id: str
    cpus: int
    gpus: int
    memory: int

    def lanes(self, lane: Lane) -> int:
        """How many shards its cores and GPUs can answer at a time."""
        by_cores = self.cpus // lane.cpus
        return min(by_cores, self.gpus // lane.gpus) if lane.gpus else by_cores


def living_nodes() -> list[Node]:
    """List the nodes that Ray holds to be alive."""
    found = [(node["NodeID"], node["Resources"]) for node in ray.nodes() if node["Alive"]]
    return [
        Node(
            id=identity,
            cpus=int(has.get("CPU", 0)),
            gpus=int(has.get("GPU", 0)),
            memory=int(has.get("memory", 0)),
        )
        for identity, has in found
    ]


class Cluster:
    """Places shards; safe to use from several threads.

    Args:
        lane: What one shard takes of a node.
        repacks: Whether all nodes can repack weights; if not, none does.
    """

    def __init__(self, lane: Lane, *, repacks: bool):
        self.repacks, self.threads = repacks, lane.threads
        self._lane = lane
        self._guard = threading.Lock()
        self._models: set[int] = set()
        self._looked = 0.0
        self._last_seen = time.monotonic()
        self._workers: list[Node] = []
        self._answer = ray.remote(answer)

    def spread(self, sources: Sequence[Source]) -> list[Source]:
        """Let the nodes answer for every GGUF; what is no file of ours is still asked from here."""
        return [
            SpreadSource(source, self) if isinstance(source, GgufSource) else source for source in sources
        ]

    @property
    def lanes(self) -> int:
        """How many shards can be answered at a time, as far as cores and GPUs go; memory may allow fewer.

        Raises:
            UsageError: For ten minutes there has been no node to work on.
        """
        with self._guard:
            now = time.monotonic()
            if now - self._looked > _LOOK_SECONDS:
                self._looked = now
                self._workers = [node for node in living_nodes() if node.lanes(self._lane)]
            if self._workers:
                self._last_seen = now
            elif now - self._last_seen > _PATIENCE_SECONDS:
                raise UsageError(
                    "for ten minutes the cluster has had no node to work on: start one, then run again"
                )
            return sum(node.lanes(self._lane) for node in self._workers)

    @property
    def models(self) -> int:
        """How many models to ask side by side: enough that no node waits for the next one."""
        return max(1, _AHEAD * self.lanes)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Be counted among the models that are asked."""
        me = threading.get_ident()
        with self._guard:
            self._models.add(me)
        try:
            yield
        finally:
            with self._guard:
                self._models.discard(me)

    def share(self) -> int:
        """How many shards one model may have out now: what keeps all nodes busy, divided by the models.

        So a level that may stop early does not run far ahead of what is known of it while others wait.
        """
        return max(1, math.ceil(_AHEAD * self.lanes / max(1, len(self._models))))

    def submit(self, shard: Shard, parts: Sequence[ray.ObjectRef], memory: int) -> ray.ObjectRefGenerator:
        """Hand in a shard, to be placed where ``memory`` bytes are free; what comes back are messages.

        A model that no node could ever hold goes to the largest, alone: whether it fits is then the
        kernel's to say.
        """
        largest = max((node.memory for node in self._workers), default=memory)
        task = self._answer.options(
            num_returns="streaming",
            max_retries=RETRIES,
            num_cpus=self._lane.cpus,
            num_gpus=self._lane.gpus,
            memory=min(memory, largest),
        )
        # Within a tuple references stay references: a node fetches the parts only if it needs them.
        return task.remote(shard, tuple(parts))
