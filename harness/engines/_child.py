"""The child process: loads one model, answers its requests, reports each reply as it ends.

Started by ``_process`` through ``_boot``. Whatever happens here, a
segmentation fault in a kernel or the kernel's out-of-memory killer, the parent lives on and knows why.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from quant_triage.data import ModelError

from .._records import Reply, Request
from ._finished import Finished, Growing, Meter
from ._protocol import Answered, Beat, Ended, Event, Job, Loaded, Said

_BEAT_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; end-of-file on stdin is the second string."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait_for_end() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait_for_end, daemon=True).start()


def peak_rss() -> int | None:
    """Peak resident bytes of this program, or ``None`` where the system does not tell.

    Not ``getrusage``: its peak survives ``exec`` and would be the parent's.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


class _Decoder(Protocol):
    """A loaded model, whichever library holds it."""

    meter: Meter

    def run(self, requests: Sequence[Request]) -> Iterator[Finished | str | None]: ...


def _load(job: Job) -> _Decoder:
    """Load the model. The libraries are imported here: a fault there must find us ready."""
    if job.engine == "transformers":
        from ._transformers import Checkpoint  # noqa: PLC0415

        adapter = Path(job.adapter) if job.adapter else None
        return Checkpoint(Path(job.path), adapter, job.sampling, job.hardware)
    from ._decoder import Decoder  # noqa: PLC0415

    return Decoder(
        Path(job.path),
        job.sampling,
        job.hardware,
        use_extra_bufts=job.use_extra_bufts,
        grammar=job.grammar,
    )


def _answer(job: Job, send: Callable[[Event], None]) -> None:
    began = time.perf_counter()
    decoder = _load(job)
    send(Loaded(seconds=time.perf_counter() - began))

    def beat() -> None:
        meter = decoder.meter
        send(
            Beat(
                tokens=meter.tokens,
                prompt_tokens=meter.prompt_tokens,
                seconds=meter.seconds,
                first_token=meter.first_token,
                peak_rss=peak_rss(),
            )
        )

    last = 0.0
    growing = Growing()

    def tell(text: str, *, whole: bool = False) -> None:
        if gained := growing.take(text, whole=whole):
            send(Said(text=gained))

    try:
        for done in decoder.run(job.requests):
            if isinstance(done, str):
                tell(done)
            if isinstance(done, Finished):
                if len(job.requests) == 1:
                    tell(done.text, whole=True)
                request = done.request
                reply = Reply(
                    model=job.model,
                    reply=done.text,
                    finish_reason="stop" if done.stopped else "length",
                    tokens=done.tokens,
                    seconds=round(done.seconds, 4),
                    **request.model_dump(),
                )
                send(Answered(reply=reply))
            elif time.perf_counter() - last > _BEAT_SECONDS:
                last = time.perf_counter()
                beat()
    finally:
        beat()


def main() -> None:
    """Read one job from stdin, answer it, say how it ended."""
    # Libraries may write to stdout. Events get a copy of it for themselves; the rest goes to stderr.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Unbuffered: whatever this leaves in a buffer, the thread that waits for end-of-file would miss.
    line = bytearray()
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            sys.exit(1)
        line += part
    die_with_parent()

    def send(event: Event) -> None:
        events.write(event.model_dump_json() + "\n")

    try:
        _answer(Job.model_validate_json(bytes(line)), send)
    except ModelError as error:
        status = error.status if error.status in {"not_loaded", "nan"} else "crashed"
        send(Ended(status=status, cause=error.cause))
    except Exception as error:
        lines = str(error).splitlines() or [""]
        send(Ended(status="crashed", cause=f"{type(error).__name__}: {lines[0]}"))
        raise
    else:
        send(Ended(status="ok"))
