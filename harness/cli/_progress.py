"""Progress that people can watch: bars on a terminal, plain lines everywhere else."""

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
    """One piece of work with a known or unknown amount of steps."""

    def __init__(self, owner: "Stages", title: str, total: int | None):
        self._owner = owner
        self._title = title
        self._total = total
        self._started = self._spoken = time.monotonic()
        self._done = 0
        self._task = owner.bars.add_task(escape(title), total=total, note="") if owner.bars else None
        if not owner.bars:
            owner.console.print(escape(f"{title} ..."))

    def update(self, done: int, note: str = "") -> None:
        """Show that ``done`` steps are complete; a plain line appears at most every ten seconds."""
        self._done = done
        if self._owner.bars and self._task is not None:
            self._owner.bars.update(self._task, completed=done, note=escape(note))
            return
        now = time.monotonic()
        if now - self._spoken >= EVERY_SECONDS:
            self._spoken = now
            self._owner.console.print(
                escape(f"{self._title}: {done}/{self._total or '?'} {note}{self._left(now)}")
            )

    def finish(self, note: str = "") -> None:
        """Close the stage with what it took."""
        took = time.monotonic() - self._started
        if self._owner.bars and self._task is not None:
            self._owner.bars.update(
                self._task, completed=self._total or self._done, total=self._total or self._done or 1
            )
            self._owner.bars.update(self._task, note=escape(note), visible=False)
        line = f"{self._title}: {note or 'done'} ({took:.0f} s)"
        self._owner.console.print(f"[green]✓[/] {escape(line)}")

    def _left(self, now: float) -> str:
        if not self._total or not self._done:
            return ""
        return f", {(now - self._started) * (self._total - self._done) / self._done:.0f} s left"


class Stages:
    """A context in which stages are opened one after another."""

    def __init__(self, console: Console):
        self.console = console
        self.bars: Progress | None = None
        if console.is_terminal:
            self.bars = Progress(
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
        if self.bars:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars:
            self.bars.stop()

    def open(self, title: str, total: int | None = None) -> Stage:
        """Open a stage."""
        return Stage(self, title, total)
