"""Progress that people can watch: bars on a terminal, plain lines everywhere else."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

EVERY_SECONDS = 10.0


class Stage:
    """One piece of work with a known or unknown number of steps. Safe to update from several threads."""

    def __init__(self, console: Console, bars: Progress | None, title: str, total: int | None):
        self._console, self._bars = console, bars
        self._title, self._total = title, total
        self._started = self._spoken = time.monotonic()
        self._lock = threading.Lock()
        self._task = bars.add_task(escape(title), total=total, note="") if bars else None
        if not bars:
            console.print(escape(f"{title} ..."))

    def update(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Show that ``done`` steps are complete; a plain line appears at most every ten seconds."""
        with self._lock:
            self._total = total or self._total
            if self._bars and self._task is not None:
                self._bars.update(self._task, completed=done, total=self._total, note=escape(note))
                return
            now = time.monotonic()
            if now - self._spoken >= EVERY_SECONDS:
                self._spoken = now
                line = f"{self._title}: {done}/{self._total or '?'} {note}{self._left(now, done)}"
                self._console.print(escape(line))

    def finish(self, note: str = "") -> None:
        """Close the stage with what it took."""
        line = f"{self._title}: {note or 'done'} ({time.monotonic() - self._started:.0f} s)"
        if self._bars and self._task is not None:
            self._bars.remove_task(self._task)
        self._console.print(f"[green]✓[/] {escape(line)}")

    def _left(self, now: float, done: int) -> str:
        if not self._total or not done:
            return ""
        return f", {(now - self._started) * (self._total - done) / done:.0f} s left"


class Stages:
    """A context in which stages are opened one after another, or side by side."""

    def __init__(self, console: Console, *, bars: bool = True):
        self._console = console
        self._bars: Progress | None = None
        if bars and console.is_terminal:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def open(self, title: str, total: int | None = None) -> Stage:
        """Open a stage."""
        return Stage(self._console, self._bars, title, total)
