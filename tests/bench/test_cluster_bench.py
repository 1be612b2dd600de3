"""The page of ``bench cluster``: the efficiency is that of medians, and a missed target is said."""

from pathlib import Path

import pytest

from quant_triage.data import UsageError

pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for this Python or system")

from quant_triage.harness.bench._nodes import ClusterBench, bench_nodes, cluster_section

MACHINE = {"processor": "a processor", "memory": "8 GiB", "system": "Linux 6"}
BENCH = ClusterBench(
    model="m",
    bytes=1_000_000,
    shards=4,
    requests=16,
    tokens=8,
    one=(20.0, 30.0, 90.0),
    two=(18.0, 20.0, 5.0),
    shard=1.5,
    intake=1000.0,
    travel=2e8,
    load=0.1,
)


def test_the_efficiency_is_one_nodes_time_over_twice_that_of_two() -> None:
    assert BENCH.efficiency == pytest.approx(30 / 36)
    assert BENCH.reached
    page = cluster_section(BENCH, command="c", when="today", machine=MACHINE)
    assert "| 1 | 30.0 | 20.0 to 90.0 |  |\n| 2 | 18.0 | 5.0 to 20.0 | 0.83 |" in page
    slow = BENCH.model_copy(update={"two": (22.0,)})
    assert not slow.reached
    assert "| 0.68, **missed** |" in cluster_section(slow, command="c", when="today", machine=MACHINE)


def test_more_work_than_prompts_is_refused() -> None:
    with pytest.raises(UsageError, match="--shards 9 of 32 requests: there are only 2 prompts"):
        bench_nodes(
            Path("m.gguf"), ["a", "b"], shards=9, tokens=1, slots=4, rounds=1, told=lambda _text: None
        )
