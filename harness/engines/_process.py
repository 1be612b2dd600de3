"""Run one model in a child process and turn however it ends into an outcome; the parent never dies of it."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pydantic import Field, ValidationError

from quant_triage.data import Record

from .._records import Outcome, Reply, Speed
from ._protocol import EVENT, Answered, Beat, Ended, Event, Job, Loaded, Said

# -P: a module of the user's working directory must not shadow the standard library's.
BOOT: tuple[str, ...] = (sys.executable, "-P", str(Path(__file__).with_name("_boot.py")))
CHILD = (*BOOT, "_child")

# Threads meet at a barrier many times for each token. OpenMP's default spins there for milliseconds, which
# costs a factor of ten and more as soon as anything else wants a core; a short spin costs an idle machine
# nothing. And no debugger is to be started on a crash.
_CHILD_ENVIRONMENT = {"GOMP_SPINCOUNT": "5000", "GGML_NO_BACKTRACE": "1"}
_POLL_SECONDS = 0.5
_PIPE_EVENTS = 1024
_KEPT_LINES = 40
_GIB = 1 << 30


class TimeLimits(Record):
    """How long a model may take before it counts as hung; all in seconds.

    Attributes:
        load: From the start of the process to the end of loading.
        stall: Without a single batch done.
        reply: Between one finished reply and the next, so no reply takes longer unseen.
        model: For all replies together; ``None`` for no limit.
    """

    load: float = Field(default=900.0, gt=0)
    stall: float = Field(default=300.0, gt=0)
    reply: float = Field(default=3600.0, gt=0)
    model: float | None = Field(default=None, gt=0)


class Progress(Record):
    """How far a model is: replies done here, new tokens, seconds of decoding.

    ``said`` is what the reply has gained since the last call, where there is one request only.
    """

    replies: int = 0
    tokens: int = 0
    seconds: float = 0.0
    said: str = ""


class EnoughError(Exception):
    """Raised by ``on_reply`` or ``on_progress``: no further reply is wanted. What was answered stands."""


class _HungError(Exception):
    """A limit was broken; the text says which."""


def _oom_kills() -> int | None:
    """How often the kernel has killed for lack of memory since it booted."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


class _Child:
    """The process, its event queue, its last words on stderr and what it has done so far."""

    def __init__(self, command: Sequence[str], job: Job):
        self._oom_before = _oom_kills()
        self.started = time.monotonic()
        self.speed = Speed()
        self.replies = 0
        self.loaded = False
        self.ended: Ended | None = None
        self._events: queue.Queue[Event | None] = queue.Queue(_PIPE_EVENTS)
        self._last_words: deque[str] = deque(maxlen=_KEPT_LINES)
        self._stopped = threading.Event()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C in a terminal reaches us alone, and we end the child.
            start_new_session=True,
            env={**_CHILD_ENVIRONMENT, **os.environ},
        )
        assert self._process.stdin  # noqa: S101 - we asked for the pipes
        assert self._process.stdout  # noqa: S101
        assert self._process.stderr  # noqa: S101
        self._pipes: list[IO[bytes]] = [self._process.stdin, self._process.stdout, self._process.stderr]
        self._threads = [
            threading.Thread(target=target, args=arguments, daemon=True)
            for target, arguments in (
                (self._feed, (self._process.stdin, job)),
                (self._listen, (self._process.stdout,)),
                (self._overhear, (self._process.stderr,)),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _feed(self, pipe: IO[bytes], job: Job) -> None:
        # The pipe stays open: the child takes its end for our death.
        with contextlib.suppress(OSError, ValueError):
            pipe.write(job.model_dump_json().encode() + b"\n")
            pipe.flush()

    def _listen(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in pipe:
                try:
                    event = EVENT.validate_json(line)
                except ValidationError:  # the line that a dying child did not finish
                    continue
                self._put(event)
        self._put(None)

    def _put(self, event: Event | None) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=_POLL_SECONDS)
                return

    def _overhear(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in pipe:
                text = line.decode("utf-8", errors="replace").strip()
                if text:
                    self._last_words.append(text)

    def events(self, limits: TimeLimits) -> Iterator[Event | None]:
        """Yield events until the child closes its end, and ``None`` whenever it is silent for a while.

        Raises:
            _HungError: A limit is broken.
        """
        alive = answered = ready = self.started
        while True:
            now = time.monotonic()
            if not self.loaded:
                checks = [(self.started + limits.load, f"did not load within {limits.load:g} s")]
            else:
                checks = [
                    (alive + limits.stall, f"no sign of life for {limits.stall:g} s"),
                    (answered + limits.reply, f"no reply finished within {limits.reply:g} s"),
                ]
                if limits.model is not None:
                    checks.append((ready + limits.model, f"not done within {limits.model:g} s"))
            deadline, cause = min(checks)
            if now >= deadline:
                raise _HungError(cause)
            try:
                event = self._events.get(timeout=min(_POLL_SECONDS, deadline - now))
            except queue.Empty:
                yield None
                continue
            if event is None:
                return
            # Measured after the caller is done with the event: a slow disk is not the child's fault.
            yield event
            alive = time.monotonic()
            if isinstance(event, Loaded):
                answered = ready = alive
            elif isinstance(event, Answered):
                answered = alive

    def take(self, event: Event) -> None:
        """Update the counts by one event."""
        match event:
            case Loaded():
                self.loaded = True
                self.speed = self.speed.model_copy(update={"load_seconds": event.seconds})
            case Beat():
                self.speed = self.speed.model_copy(
                    update={
                        "tokens": event.tokens,
                        "prompt_tokens": event.prompt_tokens,
                        "seconds": event.seconds,
                        "first_token_seconds": event.first_token,
                        "peak_rss_bytes": event.peak_rss,
                    }
                )
            case Said():
                pass
            case Answered():
                self.replies += 1
            case Ended():
                self.ended = event

    def stop(self) -> int:
        """Kill the child if it lives, wait for it and for its pipes; returns its exit code."""
        self._stopped.set()
        if self._process.poll() is None and self.ended is None:
            self._process.kill()
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        for thread in self._threads:
            thread.join(timeout=10)
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.close()
        return code

    def outcome(self, code: int, asked: int) -> Outcome:
        """Say how it ended, in one line for people."""
        if self.ended is not None and (self.ended.status != "ok" or self.replies == asked):
            return Outcome(status=self.ended.status, cause=self.ended.cause)
        when = f"after {self.replies} of {asked} replies" if self.loaded else "while it was loading"
        if code == -signal.SIGKILL:
            return Outcome(status="killed", cause=f"{self._killer()} {when}")
        last = f"; its last words: {self._last_words[-1]}" if self._last_words else ""
        if code < 0:
            name = signal.Signals(-code).name
            return Outcome(status="crashed", cause=f"{name} ({signal.strsignal(-code)}) {when}{last}")
        return Outcome(status="crashed", cause=f"exit code {code} {when}{last}")

    def _killer(self) -> str:
        peak = self.speed.peak_rss_bytes
        held = f", holding {peak / _GIB:.2f} GiB," if peak else ""
        before, after = self._oom_before, _oom_kills()
        if before is not None and after is not None and after > before:
            return f"killed by the kernel for lack of memory{held}"
        return f"killed by SIGKILL (by hand, or for lack of memory){held}"


def run_child(
    job: Job,
    on_reply: Callable[[Reply], None],
    on_progress: Callable[[Progress], None],
    limits: TimeLimits,
    *,
    command: Sequence[str] = CHILD,
) -> tuple[Outcome, Speed]:
    """Answer a job's requests in a child process.

    ``on_progress`` is called at least twice a second. Whatever it or ``on_reply`` raises (a full disk, an
    interrupt) ends the child and passes through, but for ``EnoughError``: that ends it, and all is well.

    Returns:
        How it ended, and what it took. Replies that came before a fault were handed over.
    """
    if not job.requests:
        return Outcome(status="ok"), Speed()
    child = _Child(command, job)
    hung: str | None = None
    enough = False
    try:
        for event in child.events(limits):
            if event is not None:
                child.take(event)
            if isinstance(event, Answered):
                on_reply(event.reply)
            on_progress(
                Progress(
                    replies=child.replies,
                    tokens=child.speed.tokens,
                    seconds=child.speed.seconds,
                    said=event.text if isinstance(event, Said) else "",
                )
            )
    except EnoughError:
        enough = True
    except _HungError as error:
        hung = str(error)
    finally:
        code = child.stop()
    if enough:
        return Outcome(status="ok"), child.speed
    if hung is not None:
        return Outcome(status="hung", cause=hung), child.speed
    return child.outcome(code, len(job.requests)), child.speed
