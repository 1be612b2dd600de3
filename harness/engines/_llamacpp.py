"""A GGUF file, answered by llama.cpp in a child process."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from quant_triage.data import usable_cores

from .._records import Hardware, Outcome, Reply, Request, Sampling, Speed
from ._gguf import GgufInfo, inspect_gguf, read_header
from ._identity import engine_build, reply_key
from ._probe import probe
from ._process import CHILD, Progress, TimeLimits, run_child
from ._protocol import Job
from ._shape import Shape, shaped_build

_OVERHEAD = 300 << 20
"""Bytes of a process with the library, its graph and its buffers."""

_PROMPT = 256
"""Tokens of a prompt, for the estimate of memory."""


class GgufSource:
    """A GGUF file, answered by llama.cpp in a child process.

    Args:
        path: The file; its header is checked here, before any model is loaded.
        sampling: How to sample.
        hardware: Threads and GPU layers.
        limits: When the model counts as hung.
        command: The child's command line.
        shape: The form that every reply is held to.

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
        shape: Shape | None = None,
    ):
        self.card = inspect_gguf(path)
        self.path = path
        self.limits = limits
        self._sampling, self._command, self._shape = sampling, command, shape
        self._hardware = hardware.model_copy(update={"threads": hardware.threads or usable_cores()})

    @functools.cached_property
    def _use_extra_bufts(self) -> bool:
        return probe().use_extra_bufts

    @functools.cached_property
    def memory(self) -> int:
        """Twice the weights (read once, repacked once), the cache, and the process itself."""
        cache = _cache_bytes(read_header(self.path), self._sampling)
        return 2 * (self.card.bytes or 0) + cache + _OVERHEAD

    @property
    def build(self) -> str:
        """Version and build of llama.cpp, and whether weights are repacked."""
        return shaped_build(engine_build(use_extra_bufts=self._use_extra_bufts), self._shape)

    def key(self, prompt: str, sample: int) -> str:
        """See :func:`reply_key`."""
        return reply_key(self.card, self._sampling, self.build, prompt=prompt, sample=sample)

    def asked(self) -> None:
        """A loaded model can be asked anything."""
        return

    def job(self, requests: Sequence[Request]) -> Job:
        """What a child process needs to answer these requests."""
        return Job(
            path=str(self.path),
            model=self.card.sha256,
            sampling=self._sampling,
            hardware=self._hardware,
            use_extra_bufts=self._use_extra_bufts,
            grammar=self._shape.gbnf if self._shape else None,
            requests=tuple(requests),
        )

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Load the model in a child process and decode all requests side by side."""
        return run_child(self.job(requests), on_reply, on_progress, self.limits, command=self._command)


def _cache_bytes(info: GgufInfo, sampling: Sampling) -> int:
    """Bytes of a key-value cache in which every slot holds a prompt and a reply of the greatest length."""
    architecture = info.metadata.get("general.architecture")

    def count(name: str, default: int) -> int:
        value = info.metadata.get(f"{architecture}.{name}")
        return value if isinstance(value, int) else default

    width = count("embedding_length", 4096)
    heads = max(1, count("attention.head_count", 1))
    kv_heads = count("attention.head_count_kv", heads)
    head = count("attention.key_length", width // heads) + count("attention.value_length", width // heads)
    tokens = sampling.slots * min(sampling.max_tokens + _PROMPT, sampling.context)
    return 2 * tokens * count("block_count", 48) * kv_heads * head  # two bytes each
