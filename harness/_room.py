"""Models side by side, as many as the memory holds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quant_triage.data import free_memory

_LOOK_SECONDS = 0.2


class Room:
    """Lets models in while the memory that was free when the first came holds all of them.

    A model that is larger than that goes in alone: whether it fits is then the kernel's to say, and an
    outcome of that model.

    Args:
        free: Says how many bytes may still be taken.
    """

    def __init__(self, free: Callable[[], int] = free_memory):
        self._free = free
        self._changed = threading.Condition()
        self._taken: list[int] = []
        self._budget = 0

    @contextmanager
    def take(self, need: int, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold ``need`` bytes; blocks until they are there.

        Args:
            need: An estimate.
            waiting: Called a few times a second meanwhile; what it raises ends the wait.
        """
        with self._changed:
            while not self._fits(need):
                waiting()
                self._changed.wait(_LOOK_SECONDS)
            self._taken.append(need)
        try:
            yield
        finally:
            with self._changed:
                self._taken.remove(need)
                self._changed.notify_all()

    def _fits(self, need: int) -> bool:
        if not self._taken:
            self._budget = self._free()
            return True
        return sum(self._taken) + need <= self._budget
