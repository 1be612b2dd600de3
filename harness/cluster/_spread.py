"""A model that a cluster answers for: shards go out, replies come back as if it had been asked here."""

import functools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import ray
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayTaskError, WorkerCrashedError

from quant_triage.data import QuantTriageError, UsageError

from .._records import Outcome, Reply, Request, Speed
from ..engines import Asked, EnoughError, GgufSource, Job, Progress, engine_build, reply_key
from ._messages import Ended, Heard, Lacking, Shard, Unfit
from ._shards import split
from ._travel import put_model

_BEAT_SECONDS = 0.25
_TURNS = 3
"""How often a shard that came back incomplete is handed in."""

_FINE = Outcome(status="ok")
_LOST = (NodeDiedError, WorkerCrashedError, OutOfMemoryError, ObjectLostError)


class Nodes(Protocol):
    """What a source needs of the cluster."""

    @property
    def repacks(self) -> bool:
        """Whether weights are repacked there."""
        ...

    @property
    def threads(self) -> int:
        """Threads for one shard."""
        ...

    def asking(self) -> AbstractContextManager[None]:
        """Be counted among the models that are asked."""
        ...

    def share(self) -> int:
        """How many shards this model may have out now."""
        ...

    def submit(self, shard: Shard, parts: Sequence[ray.ObjectRef], memory: int) -> ray.ObjectRefGenerator:
        """Hand in a shard; what comes back are messages."""
        ...


class SpreadSource:
    """A GGUF whose requests are cut into shards and answered by the nodes of a cluster.

    Args:
        source: The file, as it would be asked here; keys are the same.
        nodes: Who answers.
    """

    memory = 0

    def __init__(self, source: GgufSource, nodes: Nodes):
        self.card = source.card
        self._source, self._nodes = source, nodes

    @functools.cached_property
    def build(self) -> str:
        """Version and build of llama.cpp, and whether the nodes repack weights."""
        return engine_build(use_extra_bufts=self._nodes.repacks)

    def key(self, prompt: str, sample: int) -> str:
        """See :func:`quant_triage.harness.engines.reply_key`."""
        return reply_key(self.card, self._job.sampling, self.build, prompt=prompt, sample=sample)

    def asked(self) -> Iterator[Asked] | None:
        """A loaded model can be asked anything."""
        return None

    @functools.cached_property
    def _job(self) -> Job:
        job = self._source.job(())
        hardware = job.hardware.model_copy(update={"threads": self._nodes.threads})
        # Not resolved: a link may lead elsewhere on another machine.
        path = str(self._source.path.absolute())
        return job.model_copy(
            update={"path": path, "use_extra_bufts": self._nodes.repacks, "hardware": hardware}
        )

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Answer all requests on the cluster; however it ends, no shard is left running.

        Raises:
            UsageError: A node is unfit, or there is none left.
        """
        outgoing = _Outgoing(self._nodes, self._source, self._job, self.build, on_reply)
        outgoing.add(split(requests, self._job.sampling.slots))
        outcome = _FINE
        with self._nodes.asking():
            try:
                while outgoing.open and outcome.status == "ok":
                    outcome = outgoing.step()
                    on_progress(outgoing.progress())
            except EnoughError:
                pass
            finally:
                outgoing.cancel()
        return outcome, outgoing.speed()


class _Piece:
    """A shard: what of it is missing, how often it was handed in, how far its node is."""

    def __init__(self, requests: Sequence[Request], turn: int = 1):
        self.requests, self.turn = requests, turn
        self.missing = {request.key for request in requests}
        self.progress = Progress()
        self.ended: Ended | None = None

    @property
    def left(self) -> list[Request]:
        return [request for request in self.requests if request.key in self.missing]

    @property
    def speed(self) -> Speed:
        """What it took; of one that was cancelled, what it had told until then."""
        told = Speed(tokens=self.progress.tokens, seconds=self.progress.seconds)
        return told if self.ended is None else self.ended.speed


class _Outgoing:
    """The shards of one model: waiting, out, and done."""

    def __init__(
        self, nodes: Nodes, source: GgufSource, job: Job, build: str, on_reply: Callable[[Reply], None]
    ):
        self._nodes, self._source, self._job, self._build = nodes, source, job, build
        self._on_reply = on_reply
        self._waiting: deque[_Piece] = deque()
        self._out: dict[ray.ObjectRefGenerator, _Piece] = {}
        self._done: list[_Piece] = []
        self._parts: tuple[ray.ObjectRef, ...] = ()
        self._began = time.monotonic()

    @property
    def open(self) -> bool:
        """Whether anything is still to come."""
        return bool(self._waiting or self._out)

    def add(self, shards: Sequence[Sequence[Request]]) -> None:
        """Let shards wait for their turn."""
        self._waiting += map(_Piece, shards)

    def step(self) -> Outcome:
        """Hand in what there is room for and pass on what has come, until a fault of the model's."""
        while self._waiting and len(self._out) < self._nodes.share():
            piece = self._waiting.popleft()
            shard = Shard(
                job=self._job.model_copy(update={"requests": tuple(piece.requests)}),
                bytes=self._source.card.bytes or 0,
                build=self._build,
                limits=self._source.limits,
            )
            self._out[self._nodes.submit(shard, self._parts, self._source.memory)] = piece
        for generator in _ready(list(self._out)):
            outcome = self._take(generator)
            if outcome.status != "ok":
                return outcome
        return _FINE

    def _take(self, generator: ray.ObjectRefGenerator) -> Outcome:
        """Take one message of a shard's. A node that was lost tells all again: what was heard is left out."""
        piece = self._out[generator]
        try:
            message = ray.get(next(generator))
        except StopIteration:
            return self._finish(generator)
        except _LOST as error:
            why = str(error).strip().splitlines()[0]
            return Outcome(status="killed", cause=f"the cluster lost it again and again: {why}")
        except RayTaskError as error:
            if isinstance(error.cause, QuantTriageError):
                raise error.cause from error
            raise
        match message:
            case Heard():
                piece.progress = message.progress
                if message.reply.key in piece.missing:
                    piece.missing.remove(message.reply.key)
                    self._on_reply(message.reply)
            case Ended():
                piece.ended = message
                return self._finish(generator) if message.outcome.status == "ok" else message.outcome
            case Lacking():
                if not self._parts:
                    self._parts = put_model(self._source.path)
                del self._out[generator]
                self._waiting.appendleft(_Piece(piece.left, piece.turn))
            case Unfit():
                raise UsageError(f"{message.why}: install the same everywhere, then run again")
        return _FINE

    def _finish(self, generator: ray.ObjectRefGenerator) -> Outcome:
        """Close a shard. If a lost node's successor told it in another order, some of it is missing."""
        piece = self._out.pop(generator)
        self._done.append(piece)
        if not piece.missing:
            return _FINE
        if piece.turn == _TURNS:
            return Outcome(
                status="crashed",
                cause=f"{len(piece.missing)} of {len(piece.requests)} replies were lost {_TURNS} times",
            )
        self._waiting.appendleft(_Piece(piece.left, piece.turn + 1))
        return _FINE

    def cancel(self) -> None:
        """Stop what is out: shards that wait are forgotten, child processes end within a second."""
        self._waiting.clear()
        for generator in self._out:
            ray.cancel(generator)
        self._done += self._out.values()
        self._out.clear()
        self._parts = ()

    def progress(self) -> Progress:
        """Replies and tokens of all shards; seconds since the first was handed in."""
        pieces = [*self._done, *self._out.values()]
        return Progress(
            replies=sum(len(piece.requests) - len(piece.missing) for piece in pieces),
            tokens=sum(piece.progress.tokens for piece in pieces),
            seconds=time.monotonic() - self._began,
        )

    def speed(self) -> Speed:
        """What all shards took together."""
        return sum((piece.speed for piece in self._done), Speed())


def _ready(generators: list[ray.ObjectRefGenerator]) -> list[ray.ObjectRefGenerator]:
    """Those that have something to tell: all that have now, or the first within a moment."""
    if not generators:
        time.sleep(_BEAT_SECONDS)
        return []
    ready, _ = ray.wait(generators, num_returns=len(generators), timeout=0)
    if not ready:
        ready, _ = ray.wait(generators, num_returns=1, timeout=_BEAT_SECONDS)
    return list(ready)
