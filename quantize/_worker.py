"""The child process that calls llama.cpp and ggml: requests on stdin, events on stdout, one JSON a line.

Run as ``python -m quant_triage.quantize._worker``. A native crash ends this process and no other.
"""

import contextlib
import ctypes
import errno
import json
import resource
import signal
import sys
import time

from quant_triage.data import QuantTriageError

from ._collect import collect
from ._compare import compare, hold, margins
from ._engine import EngineError
from ._pass import PassError, TargetFullError, run_pass
from ._protocol import (
    REQUEST,
    DivergeRequest,
    Event,
    ImatrixRequest,
    ImatrixResult,
    MarginRequest,
    ParityRequest,
    PassRequest,
    PlanRequest,
    Request,
    StockRequest,
)
from ._stock import QuantizerError, collect_log, dry_run, stock

_PR_SET_PDEATHSIG = 1
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PROGRESS_SECONDS = 0.05


def _emit(event: Event) -> None:
    sys.stdout.write(event.model_dump_json() + "\n")
    sys.stdout.flush()


class _Progress:
    """Hands progress on, not more often than anyone can see."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, done: int, total: int, saved: int | None = None, text: str = "") -> None:
        now = time.monotonic()
        if saved is not None or done == total or now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            _emit(Event(kind="progress", done=done, total=total, saved=saved, text=text))


def _serve(request: Request, log: list[str]) -> str:
    match request:
        case PlanRequest():
            dry_run(request, log)
            return "".join(log)
        case DivergeRequest():
            compare(request, log, _Progress())
        case MarginRequest():
            return json.dumps(margins(request, log))
        case ParityRequest():
            return json.dumps(hold(request, log))
        case StockRequest():
            return " ".join(map(str, stock(request, log)))
        case PassRequest():
            run_pass(request, _Progress())
        case ImatrixRequest():
            chunks, unused = collect(request, log, _Progress())
            return ImatrixResult(chunks=chunks, unused=tuple(unused)).model_dump_json()
    return ""


def _answer(line: str, log: list[str]) -> Event:
    try:
        return Event(kind="done", text=_serve(REQUEST.validate_json(line), log))
    except TargetFullError as error:
        return Event(kind="disk_full", text=str(error))
    except OSError as error:
        kind = "disk_full" if error.errno in _DISK_FULL else "failed"
        return Event(kind=kind, text=str(error))
    except (QuantizerError, EngineError, PassError, QuantTriageError) as error:
        return Event(kind="failed", text=str(error))


def main() -> None:
    """Serve requests until stdin ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # the kernel ends us with our parent
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    log = collect_log()
    for line in sys.stdin:
        _emit(_answer(line, log))


if __name__ == "__main__":
    main()
