"""llama.cpp's own quantizer in a child process, so that its crash is a result and not our end."""

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from quant_triage.data import ModelError

from ._protocol import Event, Request

TensorProgress = Callable[[int, int], None]


class Quantizer:
    """A running child; use `quantizer` to get one."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]):
        self._process = process
        self._errors = errors

    def call(self, request: Request, on_tensor: TensorProgress | None = None) -> str:
        """Run one request and return the quantizer's log.

        Raises:
            ModelError: The quantizer refused the file or crashed.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise ModelError("crashed", "the quantizer was started without pipes")
        with contextlib.suppress(BrokenPipeError):  # explained below, by the exit status
            self._process.stdin.write(request.model_dump_json() + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            event = Event.model_validate_json(line)
            if event.kind == "done":
                if event.status:
                    raise ModelError("quantize_failed", _reason(event.log))
                return event.log
            if on_tensor is not None:
                on_tensor(event.done, event.total)
        raise ModelError("crashed", f"the quantizer {self._death()}")

    def _death(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        last = next((line.strip() for line in reversed(self._errors.readlines()) if line.strip()), "")
        how = f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"{how}: {last}" if last else how


@contextlib.contextmanager
def quantizer() -> Iterator[Quantizer]:
    """Start the child and end it afterwards, whatever happens."""
    command = [sys.executable, "-m", f"{__package__}._worker"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        # Its own session: Ctrl-C reaches us alone, and we end the child.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            yield Quantizer(process, errors)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()


def _reason(log: str) -> str:
    """Return the quantizer's own words on its failure."""
    lines = [line.strip() for line in log.splitlines() if "failed to quantize:" in line]
    return lines[-1].partition("failed to quantize:")[2].strip() if lines else "the quantizer failed"


def dry_run(child: Quantizer, source: Path, ftype: int) -> str:
    """Return the log of a dry run: the type of each tensor, and warnings, without writing anything."""
    return child.call(Request(source=str(source), target=None, ftype=ftype, threads=1))
