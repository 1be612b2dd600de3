"""What models answer through: one small protocol, a GGUF behind it, and how a spec becomes sources.

Another way to ask (an HTTP endpoint, a checkpoint folder) is one more class with the members of
:class:`Source` and one more branch in :func:`open_sources`.
"""

import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from quant_triage.data import UsageError

from .._records import Hardware, ModelCard, Outcome, Reply, Request, Sampling, Speed
from ._gguf import inspect_gguf, read_header
from ._identity import engine_build, reply_key
from ._levels import nominal_bits
from ._probe import probe
from ._process import CHILD, Progress, TimeLimits, run_child
from ._protocol import Job
from ._recorded import Asked, open_recorded

_LOG = logging.getLogger(__name__)
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class Source(Protocol):
    """One model that answers requests, however it does so."""

    card: ModelCard

    @property
    def build(self) -> str:
        """The engine, as far as it decides a reply."""
        ...

    def key(self, prompt: str, sample: int) -> str:
        """Key of the reply to one sample of one prompt."""
        ...

    def asked(self) -> Iterator[Asked] | None:
        """The only questions that this source can answer, or ``None`` when it can answer any."""
        ...

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Answer all requests, handing over each reply as it ends; a model's fault becomes its outcome."""
        ...


def usable_cores() -> int:
    """Physical cores that this process may use: fewer in a container or under a CPU mask."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(allowed, psutil.cpu_count(logical=False) or allowed)
    try:
        quota, period = _CPU_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


class GgufSource:
    """A GGUF file, answered by llama.cpp in a child process.

    Args:
        path: The file; its header is checked here, before any model is loaded.
        sampling: How to sample.
        hardware: Threads and GPU layers.
        limits: When the model counts as hung.
        command: The child's command line.

    Raises:
        UsageError: The file is missing or not a usable model (see ``inspect_gguf``).
    """

    def __init__(
        self,
        path: Path,
        sampling: Sampling,
        hardware: Hardware,
        *,
        limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
        command: Sequence[str] = CHILD,
    ):
        self.card = inspect_gguf(path)
        self.path = path
        self._sampling, self._limits, self._command = sampling, limits, command
        self._hardware = hardware.model_copy(update={"threads": hardware.threads or usable_cores()})

    @functools.cached_property
    def _use_extra_bufts(self) -> bool:
        return probe().use_extra_bufts

    @property
    def build(self) -> str:
        """Version and build of llama.cpp, and whether weights are repacked."""
        return engine_build(use_extra_bufts=self._use_extra_bufts)

    def key(self, prompt: str, sample: int) -> str:
        """See :func:`reply_key`."""
        return reply_key(self.card, self._sampling, self.build, prompt=prompt, sample=sample)

    def asked(self) -> None:
        """A loaded model can be asked anything."""
        return

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Load the model in a child process and decode all requests side by side."""
        job = Job(
            path=str(self.path),
            model=self.card.sha256,
            sampling=self._sampling,
            hardware=self._hardware,
            use_extra_bufts=self._use_extra_bufts,
            requests=tuple(requests),
        )
        return run_child(job, on_reply, on_progress, self._limits, command=self._command)


def _folder(path: Path, sampling: Sampling, hardware: Hardware) -> list[GgufSource]:
    if (path / "config.json").exists():
        raise UsageError(f"{str(path)!r} is a checkpoint folder: convert it to a GGUF first")
    files = sorted(path.glob("*.gguf"))
    if not files:
        raise UsageError(f"{str(path)!r} holds no .gguf file")
    found: dict[str, GgufSource] = {}
    for file in files:
        if (kind := read_header(file).kind) != "model":
            _LOG.info("%s holds a GGUF of type %r, not a model: left out", file, kind)
            continue
        source = GgufSource(file, sampling, hardware)
        if twin := found.get(source.card.sha256):
            _LOG.warning("%s is the same model as %s: left out", file, twin.path.name)
        else:
            found[source.card.sha256] = source
    if not found:
        raise UsageError(f"{str(path)!r} holds no model, only adapters, projectors or the like")
    return list(found.values())


def _bits(card: ModelCard) -> float:
    return card.bits_per_weight or nominal_bits(card.level)


def open_sources(spec: str | Path, sampling: Sampling, hardware: Hardware) -> list[Source]:
    """Turn what a user named into models that answer: the reference first, then levels from large to small.

    Args:
        spec: A GGUF, a directory of them, or a recorded ``.jsonl``.
        sampling: How to sample; the same for all.
        hardware: Threads and GPU layers.

    Raises:
        UsageError: Nothing usable is there; names it and the way out.
        FileFormatError: A file is malformed.
    """
    if str(spec).startswith(("http://", "https://")):
        raise UsageError(f"{str(spec)!r}: endpoints are not supported; name a GGUF or a recorded .jsonl")
    path = Path(spec)
    sources: Sequence[Source]
    if path.is_dir():
        sources = _folder(path, sampling, hardware)
    elif path.suffix == ".jsonl":
        sources = open_recorded(path)
    else:
        sources = [GgufSource(path, sampling, hardware)]
    return sorted(
        sources, key=lambda source: (not source.card.reference, -_bits(source.card), source.card.name)
    )
