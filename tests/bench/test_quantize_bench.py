from pathlib import Path

import pytest

from quant_triage.quantize import (
    Gemma3nShape,
    bench_quantize,
    parse_levels,
    quantize_section,
    write_shaped,
)

SMALL = Gemma3nShape(width=256, feed=256, heads=4, kv_heads=1, vocabulary=1024)


def test_the_default_shape_is_a_gemma_3n_of_200_million_with_two_thirds_in_its_tables() -> None:
    shape = Gemma3nShape()
    assert shape.parameters >= 200_000_000
    assert shape.layers == 30
    assert shape.table_share == pytest.approx(2 / 3, abs=0.03)


@pytest.mark.slow
def test_both_ways_are_timed_and_their_bytes_compared(tmp_path: Path) -> None:
    write_shaped(tmp_path / "small-F16.gguf", SMALL)
    lines: list[str] = []
    found = bench_quantize(
        tmp_path / "small-F16.gguf", parse_levels("Q2_K,Q4_0"), tmp_path, target=0.5, told=lines.append
    )
    assert found.identical
    assert found.weights == SMALL.parameters
    assert found.levels == ("Q2_K", "Q4_0")
    assert min(*found.ours, *found.stock, *found.ours_cpu, *found.stock_cpu) > 0
    assert found.anonymous > 10 << 20
    assert len(lines) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"small-F16.gguf"}
    section = quantize_section([found], command="bench", when="today", machine="here", neighbours="None.")
    assert "| 2: Q2_K, Q4_0 |" in section
    assert "identical" in section
    assert ("**missed**" in section) == (found.ratio > 0.5)
