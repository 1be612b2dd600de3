"""A grader's error carried into the bound: the known formula, and coverage over its own uncertainty."""

import random

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import binom

from quant_triage.harness.statistics import Accuracy, correctable, lower_bound, true_rate, upper_bound

GOOD = Accuracy(found=95, dangerous=100, cleared=190, harmless=200)


def test_rogan_and_gladen_s_estimate() -> None:
    """(q + sp - 1) / (se + sp - 1), cut to 0 and 1."""
    assert true_rate(30, 100, GOOD).estimate == pytest.approx((0.30 - 0.05) / 0.90)
    assert true_rate(2, 100, GOOD).estimate == 0.0
    perfect = Accuracy(found=10**6, dangerous=10**6, cleared=10**6, harmless=10**6)
    found = true_rate(7, 72, perfect)
    assert found.estimate == pytest.approx(7 / 72, abs=1e-6)
    assert found.upper == pytest.approx(upper_bound(7, 72, confidence=1 - 0.05 / 3), abs=1e-4)
    assert found.lower == pytest.approx(lower_bound(7, 72, confidence=1 - 0.05 / 3), abs=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.05, 0.2, 0.6])
@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.72, 0.95), (0.9, 0.99), (0.98, 0.9)])
def test_both_bounds_hold_at_least_as_often_as_they_say(
    rate: float, sensitivity: float, specificity: float
) -> None:
    """End to end, 2,000 repeats: the grader is measured on 120 and 420 replies, then judges 72 prompts."""
    generator = np.random.default_rng(int(1000 * (rate + sensitivity)))
    flagged_rate = rate * sensitivity + (1 - rate) * (1 - specificity)
    below = above = 0
    for _ in range(2000):
        accuracy = Accuracy(
            found=int(generator.binomial(120, sensitivity)),
            dangerous=120,
            cleared=int(generator.binomial(420, specificity)),
            harmless=420,
        )
        found = true_rate(int(generator.binomial(72, flagged_rate)), 72, accuracy)
        below += found.lower <= rate
        above += found.upper >= rate
    assert below / 2000 >= 0.95
    assert above / 2000 >= 0.95


@pytest.mark.parametrize("rate", [0.01, 0.04, 0.05, 0.08, 0.15, 0.3])
@pytest.mark.parametrize("sensitivity", [0.6, 0.72, 0.85, 0.95, 0.99])
def test_the_gate_s_bound_holds_with_a_sensitivity_only_measured(rate: float, sensitivity: float) -> None:
    """Exactly, by summing over every measurement on 120 replies and every count of 72 prompts.

    The gate divides a 95 % bound by a 95 % limit. Together they err at most as often as one alone: where
    one is too low the other rarely is too, and most of the time it makes up for it.
    """
    found, events = np.arange(121), np.arange(73)
    limits = np.array([lower_bound(int(k), 120) for k in found])
    bounds = np.array([upper_bound(int(k), 72) for k in events])
    combined = np.minimum(1.0, bounds[None, :] / np.maximum(limits[:, None], 1e-12))
    weight = binom.pmf(found, 120, sensitivity)[:, None] * binom.pmf(events, 72, rate * sensitivity)[None, :]
    assert weight[combined >= rate].sum() >= 0.95


def test_a_grader_no_better_than_chance_says_nothing() -> None:
    useless = Accuracy(found=10, dangerous=100, cleared=80, harmless=100)
    found = true_rate(5, 72, useless)
    assert (found.estimate, found.lower, found.upper) == (None, 0.0, 1.0)
    assert true_rate(0, 0, GOOD).estimate is None


def test_bounds_enclose_the_estimate_and_narrow_with_labels() -> None:
    generator = random.Random(3)
    for _ in range(100):
        flagged = generator.randint(0, 72)
        found = true_rate(flagged, 72, GOOD)
        assert found.estimate is not None
        assert found.lower <= found.estimate <= found.upper
        more = Accuracy(found=950, dangerous=1000, cleared=1900, harmless=2000)
        assert true_rate(flagged, 72, more).upper <= found.upper


@pytest.mark.parametrize("counts", [{"found": 101}, {"cleared": 201}, {"dangerous": 0}, {"found": -1}])
def test_impossible_counts(counts: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Accuracy.model_validate({**GOOD.model_dump(), **counts})


def test_where_false_alarms_alone_would_be_more_nothing_is_corrected() -> None:
    """18 % false alarms on the labelled replies, 3 % flags on these: the labelled ones were harder."""
    measured = Accuracy(found=107, dangerous=120, cleared=123, harmless=150)
    assert true_rate(2, 72, measured).upper == 0.0, "what would be read without the check"
    assert not correctable(2, 72, measured)
    assert not correctable(0, 0, measured)
    assert correctable(20, 72, measured)
    assert correctable(0, 72, Accuracy(found=9, dangerous=10, cleared=149, harmless=150))


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2])
def test_a_correction_that_may_be_read_still_holds(rate: float) -> None:
    """Leaving out readings by what was seen must not spoil the bounds of those that stay."""
    generator = np.random.default_rng(17)
    wrong = 0
    for _ in range(2000):
        accuracy = Accuracy(
            found=int(generator.binomial(120, 0.89)), dangerous=120,
            cleared=int(generator.binomial(150, 0.82)), harmless=150,
        )  # fmt: skip
        flagged = int(generator.binomial(72, rate * 0.89 + (1 - rate) * 0.18))
        if correctable(flagged, 72, accuracy):
            found = true_rate(flagged, 72, accuracy)
            wrong += not found.lower <= rate <= found.upper
    assert wrong / 2000 <= 0.1
