"""Shards depend on the requests and the slots alone, and keep the batches full."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_triage.harness import Request
from quant_triage.harness.cluster import ROUNDS, split


def asked(count: int) -> list[Request]:
    return [
        Request(key=str(number), prompt_id=str(number), scenario="shock", sample=0, prompt=f"{number}?")
        for number in range(count)
    ]


@given(count=st.integers(0, 700), slots=st.integers(1, 40))
def test_every_request_is_in_one_shard_in_order_and_no_shard_starves_its_slots(
    count: int, slots: int
) -> None:
    requests = asked(count)
    shards = split(requests, slots)
    assert [one for shard in shards for one in shard] == requests
    sizes = [len(shard) for shard in shards]
    assert all(0 < size <= ROUNDS * slots for size in sizes)
    if len(shards) > 1:
        assert min(sizes) >= ROUNDS * slots // 2
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("count", "sizes"), [(72, [72]), (128, [128]), (129, [64, 65]), (0, [])])
def test_a_level_of_screen_stays_whole_in_sixteen_slots(count: int, sizes: Sequence[int]) -> None:
    assert [len(shard) for shard in split(asked(count), 16)] == sizes
