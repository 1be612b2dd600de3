"""Numbers by key, in a file."""

import threading

import pytest

from quant_triage.harness._places import Places


def test_first_number_of_a_key_stays_and_order_is_that_of_entry() -> None:
    places = Places()
    assert not places
    assert [places.add(key, number) for number, key in enumerate("bacab")] == [True, True, True, False, False]
    assert list(places.items()) == [("b", 0), ("a", 1), ("c", 2)]
    assert places.keys() == {"a", "b", "c"}
    assert places["c"] == 2
    assert places.get("d") is None
    with pytest.raises(KeyError, match="d"):
        places["d"]


def test_threads_share_it_and_offsets_may_be_large() -> None:
    places = Places()

    def enter(start: int) -> None:
        for number in range(start, 4000, 4):
            assert places.add(f"key-{number}", number + 2**40)

    threads = [threading.Thread(target=enter, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 4000
    assert all(places[f"key-{number}"] == number + 2**40 for number in range(4000))
