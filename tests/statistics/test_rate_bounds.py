"""Bounds on a rate: published values, the defining property, and how often they hold."""

import random

import numpy as np
import pytest
from scipy.stats import beta, binom

from quant_triage.data import UsageError
from quant_triage.harness.statistics import clean_prompts_needed, lower_bound, upper_bound


@pytest.mark.parametrize(
    ("prompts", "percent"),
    [(1, 95.0), (12, 22.09), (30, 9.50), (59, 4.95), (72, 4.08), (100, 2.95), (299, 1.00), (360, 0.83)],
)
def test_zero_events_give_the_published_bounds(prompts: int, percent: float) -> None:
    bound = upper_bound(0, prompts)
    assert 100 * bound == pytest.approx(percent, abs=0.005)
    assert bound == pytest.approx(1 - 0.05 ** (1 / prompts), rel=1e-9)


@pytest.mark.parametrize(("limit", "prompts"), [(0.05, 59), (0.01, 299), (0.10, 29), (0.001, 2995)])
def test_the_known_smallest_clean_samples(limit: float, prompts: int) -> None:
    assert upper_bound(0, prompts) <= limit < upper_bound(0, prompts - 1)


@pytest.mark.parametrize("confidence", [0.90, 0.95, 0.99])
@pytest.mark.parametrize(("events", "prompts"), [(1, 1), (1, 30), (2, 72), (3, 100), (17, 360), (71, 72)])
def test_bounds_equal_the_beta_quantiles(events: int, prompts: int, confidence: float) -> None:
    upper = upper_bound(events, prompts, confidence=confidence)
    lower = lower_bound(events, prompts, confidence=confidence)
    closed = beta.ppf(confidence, events + 1, prompts - events) if events < prompts else 1.0
    assert upper == pytest.approx(closed, rel=1e-9)
    assert lower == pytest.approx(beta.ppf(1 - confidence, events, prompts - events + 1), rel=1e-9)
    assert lower < events / prompts <= upper
    if events < prompts:
        assert binom.cdf(events, prompts, upper) == pytest.approx(1 - confidence, rel=1e-6)
    assert binom.sf(events - 1, prompts, lower) == pytest.approx(1 - confidence, rel=1e-6)


def test_bounds_mirror_each_other() -> None:
    for events in range(13):
        assert lower_bound(events, 12) == pytest.approx(1 - upper_bound(12 - events, 12), abs=1e-9)


def test_no_prompts_bound_nothing() -> None:
    assert upper_bound(0, 0) == 1.0
    assert lower_bound(0, 0) == 0.0


@pytest.mark.parametrize("prompts", [12, 30, 72])
def test_the_upper_bound_holds_at_least_as_often_as_it_says(prompts: int) -> None:
    """Exactly, by summing over every outcome, at rates where the exact bound has least slack too."""
    events = np.arange(prompts + 1)
    bounds = np.array([upper_bound(int(found), prompts) for found in events])
    for rate in [*np.linspace(0.005, 0.995, 199), *(bounds - 1e-9)]:
        assert binom.pmf(events, prompts, rate)[bounds >= rate].sum() >= 0.95 - 1e-9, rate


@pytest.mark.parametrize(("rate", "sensitivity"), [(0.05, 0.60), (0.10, 0.60), (0.20, 0.85)])
def test_with_a_grader_that_misses_the_bound_still_holds(rate: float, sensitivity: float) -> None:
    """Simulated end to end: prompts fail, the grader finds each failure only with its sensitivity."""
    generator = random.Random(f"{rate} {sensitivity}")
    bounds = [upper_bound(events, 72, sensitivity=sensitivity) for events in range(73)]
    plain = [upper_bound(events, 72) for events in range(73)]
    runs, held, held_plain = 2000, 0, 0
    for _ in range(runs):
        found = sum(generator.random() < rate and generator.random() < sensitivity for _ in range(72))
        held += bounds[found] >= rate
        held_plain += plain[found] >= rate
    assert held / runs >= 0.95
    assert held_plain / runs < 0.95, (
        "ignoring the grader's misses must hold too seldom, else this shows little"
    )


def test_the_sensitivity_divides_the_bound_up_to_one() -> None:
    assert upper_bound(0, 72, sensitivity=0.85) == pytest.approx(upper_bound(0, 72) / 0.85)
    assert upper_bound(60, 72, sensitivity=0.5) == 1.0
    assert upper_bound(0, 1000, sensitivity=0.0) == 1.0, "a grader that finds nothing shows nothing"


@pytest.mark.parametrize(("events", "prompts"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(events: int, prompts: int) -> None:
    with pytest.raises(ValueError, match=f"events={events}"):
        upper_bound(events, prompts)


@pytest.mark.parametrize("sensitivity", [-0.1, 1.1, float("nan")])
def test_impossible_sensitivities_are_refused(sensitivity: float) -> None:
    with pytest.raises(ValueError, match="sensitivity="):
        upper_bound(0, 5, sensitivity=sensitivity)


@pytest.mark.parametrize("sensitivity", [1.0, 0.85, 0.5])
@pytest.mark.parametrize("limit", [0.01, 0.05, 0.10, 0.5])
@pytest.mark.parametrize(
    ("events", "prompts"), [(0, 0), (0, 1), (0, 72), (1, 72), (3, 30), (30, 30), (2, 360)]
)
def test_the_prompts_needed_are_enough_and_one_fewer_is_not(
    events: int, prompts: int, limit: float, sensitivity: float
) -> None:
    more = clean_prompts_needed(events, prompts, limit, sensitivity=sensitivity)
    assert more >= 0
    assert upper_bound(events, prompts + more, sensitivity=sensitivity) <= limit
    if more:
        assert upper_bound(events, prompts + more - 1, sensitivity=sensitivity) > limit


@pytest.mark.parametrize(("events", "total"), [(0, 59), (1, 93), (2, 124), (3, 153), (4, 181)])
def test_the_prompts_needed_match_wilks_sample_sizes(events: int, total: int) -> None:
    """The tables of Wilks (Ann. Math. Stat. 12, 1941) for 95 % content at 95 % confidence."""
    assert clean_prompts_needed(events, events, 0.05) == total - events


def test_a_limit_that_holds_already_needs_no_prompts() -> None:
    assert clean_prompts_needed(0, 72, 0.05) == 0
    assert clean_prompts_needed(0, 0, 1.0) == 0


@pytest.mark.parametrize("limit", [0.0, 1e-9])
def test_a_limit_out_of_reach_is_refused(limit: float) -> None:
    with pytest.raises(UsageError, match="cannot be shown") as error:
        clean_prompts_needed(0, 72, limit)
    assert repr(limit) in str(error.value)
