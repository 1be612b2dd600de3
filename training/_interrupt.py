"""Ctrl-C during training: finish the step, keep a checkpoint, then stop; a second one stops at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interruption:
    """A context in which the first SIGINT is only noted; ``asked`` says that it came."""

    def __init__(self) -> None:
        self.asked = False
        self._handled = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._handled:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handled:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
