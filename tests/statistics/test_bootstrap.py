"""The bootstrap over scenarios holds where resampling prompts does not."""

import numpy as np
import pytest

from quant_triage.harness.statistics import cluster_bootstrap


def _drawn(generator: np.random.Generator, rates: np.ndarray) -> dict[str, list[float]]:
    return {
        str(number): (generator.random(12) < rate).astype(float).tolist() for number, rate in enumerate(rates)
    }


@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_it_covers_as_often_as_it_says_where_prompts_of_a_scenario_are_alike(spread: float) -> None:
    """Thirty scenarios drawn from many, each with a rate of its own; 1,000 repeats."""
    generator = np.random.default_rng(30)
    truth = _mean_of_clipped(spread)
    held = held_naive = 0
    repeats = 1000
    for repeat in range(repeats):
        rates = np.clip(0.3 + spread * generator.standard_normal(30), 0, 1)
        found = cluster_bootstrap(_drawn(generator, rates), resamples=300, seed=repeat)
        held += found.low <= truth <= found.high
        half = 1.96 * np.sqrt(found.mean * (1 - found.mean) / 360)
        held_naive += abs(found.mean - truth) <= half
    # Three standard errors of a share of 95 % over so many repeats; its own 300 resamples add a little noise.
    assert held / repeats >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / repeats)
    if spread:
        assert held_naive / repeats < 0.75, "independent prompts must hold too seldom, else this shows little"


def _mean_of_clipped(spread: float) -> float:
    values = 0.3 + spread * np.random.default_rng(1).standard_normal(1_000_000)
    return float(np.clip(values, 0, 1).mean())


def test_it_repeats_and_stays_within_reach() -> None:
    values = {str(number): [float(number % 3 == 0)] * (1 + number % 4) for number in range(20)}
    first = cluster_bootstrap(values, seed=1)
    assert first == cluster_bootstrap(values, seed=1) != cluster_bootstrap(values, seed=2)
    assert 0 <= first.low <= first.mean <= first.high <= 1
    assert first.mean == pytest.approx(sum(map(sum, values.values())) / sum(map(len, values.values())))
    strict = cluster_bootstrap(values, seed=1, confidence=0.99)
    assert strict.low < first.low < first.high < strict.high


def test_alike_clusters_leave_no_width() -> None:
    found = cluster_bootstrap({str(number): [0.0, 1.0] for number in range(12)})
    assert (found.low, found.mean, found.high) == (0.5, 0.5, 0.5)


def test_few_or_empty_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="9 clusters are too few"):
        cluster_bootstrap({str(number): [1.0] for number in range(9)})
    with pytest.raises(ValueError, match="cluster '3' is empty"):
        cluster_bootstrap({str(number): [] if number == 3 else [1.0] for number in range(12)})
