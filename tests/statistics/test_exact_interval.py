"""The exact two-sided interval: published values, the defining property, and how often it holds."""

import numpy as np
import pytest
from scipy.stats import beta, binom

from quant_triage.harness.statistics import exact_interval


@pytest.mark.parametrize(
    ("events", "total", "low", "high"),
    [(0, 10, 0.0, 0.3085), (3, 4, 0.1941, 0.9937), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0)],
)
def test_published_intervals(events: int, total: int, low: float, high: float) -> None:
    assert exact_interval(events, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.90, 0.95])
@pytest.mark.parametrize(("events", "total"), [(1, 30), (17, 120), (119, 120)])
def test_ends_are_beta_quantiles(events: int, total: int, confidence: float) -> None:
    tail = (1 - confidence) / 2
    low, high = exact_interval(events, total, confidence=confidence)
    assert low == pytest.approx(beta.ppf(tail, events, total - events + 1), rel=1e-9)
    assert high == pytest.approx(beta.ppf(1 - tail, events + 1, total - events), rel=1e-9)


def test_nothing_counted_says_nothing() -> None:
    assert exact_interval(0, 0) == (0.0, 1.0)


def test_it_holds_at_least_as_often_as_it_says() -> None:
    events = np.arange(31)
    lows, highs = np.array([exact_interval(int(found), 30) for found in events]).T
    for rate in np.linspace(0.005, 0.995, 199):
        inside = (lows <= rate) & (rate <= highs)
        assert binom.pmf(events, 30, rate)[inside].sum() >= 0.95 - 1e-9, rate


@pytest.mark.parametrize(("events", "total"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(events: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"events={events}"):
        exact_interval(events, total)
