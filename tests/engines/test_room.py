"""Models side by side: never more than the memory holds, never none."""

import threading
import time
from pathlib import Path

import pytest

from quant_triage.data import free_memory
from quant_triage.harness._records import Hardware, Sampling
from quant_triage.harness._room import Room
from quant_triage.harness.engines import GgufSource


def nothing() -> None:
    pass


def most_at_once(room: Room, needs: list[int]) -> int:
    """Let all in from threads of their own; returns how many were inside together at most."""
    inside: list[int] = []
    most = 0
    guard = threading.Lock()

    def enter(need: int) -> None:
        nonlocal most
        with room.take(need, nothing):
            with guard:
                inside.append(need)
                most = max(most, len(inside))
            time.sleep(0.1)
            with guard:
                inside.remove(need)

    threads = [threading.Thread(target=enter, args=(need,)) for need in needs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads)
    return most


@pytest.mark.parametrize(
    ("free", "needs", "most"),
    [(10, [4, 4, 4, 4], 2), (100, [4] * 5, 5), (10, [50, 50], 1), (10, [50, 4, 4], 2), (0, [0, 0, 0], 3)],
)
def test_as_many_as_fit_and_one_alone_always_goes(free: int, needs: list[int], most: int) -> None:
    assert most_at_once(Room(lambda: free), needs) == most


def test_who_waits_can_be_called_off() -> None:
    room = Room(lambda: 1)

    def enough() -> None:
        raise KeyboardInterrupt

    with room.take(5, nothing), pytest.raises(KeyboardInterrupt), room.take(5, enough):
        pass
    with room.take(5, nothing):
        pass


def test_a_model_is_estimated_by_its_weights_and_its_cache(tiny: Path) -> None:
    few = GgufSource(tiny, Sampling(slots=1), Hardware()).memory
    many = GgufSource(tiny, Sampling(slots=64), Hardware()).memory
    # 63 more slots, each 768 tokens in 3 layers, one head of 64 + 64 values of two bytes.
    assert many - few == 63 * 768 * 3 * 128 * 2
    assert few > 2 * tiny.stat().st_size
    assert free_memory() > few
