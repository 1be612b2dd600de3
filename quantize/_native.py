"""The child process that works with llama.cpp and ggml, so that its crash is a result and not our end."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from quant_triage.data import ModelError, NotEnoughSpaceError, Record

from ._protocol import Event

OnEvent = Callable[[Event], None]

# Threads of a model meet at a barrier many times for each token; OpenMP's long spin there stalls beside busy
# neighbours. No debugger is to be started on a crash.
_ENVIRONMENT = {"GOMP_SPINCOUNT": "5000", "GGML_NO_BACKTRACE": "1"}


class TargetFullError(NotEnoughSpaceError):
    """The disk cannot hold the target ``path``."""

    def __init__(self, path: str):
        self.path = path
        super().__init__(f"no space left on the disk of {path}: free some, then run again")


class Native:
    """A running child; use `native` to get one."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]):
        self._process = process
        self._errors = errors

    def call(self, request: Record, on_event: OnEvent | None = None) -> str:
        """Run one request and return its result.

        Raises:
            ModelError: The request failed or the child crashed.
            TargetFullError: The disk has no room for a target.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise ModelError("crashed", "the quantizer was started without pipes")
        with contextlib.suppress(BrokenPipeError):  # explained below, by the exit status
            self._process.stdin.write(request.model_dump_json() + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            event = Event.model_validate_json(line)
            match event.kind:
                case "done":
                    return event.text
                case "failed":
                    raise ModelError("quantize_failed", event.text)
                case "disk_full":
                    raise TargetFullError(event.text)
                case "progress":
                    if on_event is not None:
                        on_event(event)
        raise ModelError("crashed", f"the quantizer {self._death()}")

    @property
    def pid(self) -> int:
        """Process id, for whoever measures the child."""
        return self._process.pid

    def _death(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        last = next((line.strip() for line in reversed(self._errors.readlines()) if line.strip()), "")
        how = f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"{how}: {last}" if last else how


@contextlib.contextmanager
def native() -> Iterator[Native]:
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
            env={**_ENVIRONMENT, **os.environ},
        )
        try:
            yield Native(process, errors)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
