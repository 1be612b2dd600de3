"""``bench scale``: what a reply keeps in memory, and the page that tells it."""

import pytest

from quant_triage.harness.bench import Scale, ScaleBench, measure, scale_section
from quant_triage.prompts import load_suite

MACHINE = {"processor": "a processor", "memory": "8 GiB", "system": "Linux 6"}


@pytest.mark.slow
def test_a_reply_more_takes_a_few_numbers_of_memory_and_never_itself() -> None:
    prompts, texts = load_suite().prompts, ["Call an ambulance and keep still."]
    small, large = (measure(prompts, texts, count, 2) for count in (500, 2500))
    more = (large.peak_rss_bytes - small.peak_rss_bytes) / (large.replies - small.replies)
    assert more < 1000, f"{more:.0f} bytes of memory for each reply more"


def size(prompts: int, levels: int, seconds: float, megabytes: int) -> Scale:
    """One size of a made-up measurement."""
    return Scale(
        prompts=prompts,
        levels=levels,
        seconds=2 * seconds,
        cpu_seconds=seconds,
        peak_rss_bytes=megabytes * 10**6,
    )


def test_each_size_is_held_against_the_one_before_and_a_miss_is_said() -> None:
    bench = ScaleBench(
        prompts=(size(1000, 2, 10, 300), size(2000, 2, 20, 301), size(4000, 2, 46, 305)),
        levels=(size(1000, 1, 5, 300), size(1000, 2, 10, 300), size(1000, 4, 18, 300)),
        load=1.5,
    )
    page = scale_section(bench, command="c", when="today", machine=MACHINE)
    assert "| 2000 prompts, 2 levels | 4000 | 40.0 | 20.0 | 2.00 | 301 MB | 500 bytes |" in page
    assert "| 4000 prompts, 2 levels | 8000 | 92.0 | 46.0 | 2.30, **missed** | 305 MB | 1000 bytes |" in page
    assert "| 1000 prompts, 4 levels | 4000 | 36.0 | 18.0 | 1.80 | 300 MB | 0 bytes |" in page
    assert "a load of 1.5 on" in page
