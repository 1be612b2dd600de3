"""Bounds on a mean of shares: they equal the exact binomial's for 0 and 1, and hold for skewed shares."""

import math
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest

from quant_triage.data import UsageError
from quant_triage.harness.statistics import (
    MeanBounds,
    lower_bound,
    mean_bounds,
    prompts_to_settle,
    upper_bound,
)

Shares = Sequence[tuple[Fraction, float]]
"""Values, each with its probability."""

SEVENTH = Fraction(1, 7)
RARE_FAILURE: Shares = [(Fraction(1), 0.90), (6 * SEVENTH, 0.07), (Fraction(0), 0.03)]
RARE_SUCCESS: Shares = [(Fraction(0), 0.90), (SEVENTH, 0.07), (Fraction(1), 0.03)]
NEAR_THE_LIMIT: Shares = [(5 * SEVENTH, 0.6), (4 * SEVENTH, 0.3), (SEVENTH, 0.1)]
ALL_OR_NOTHING: Shares = [(Fraction(1), 0.6), (Fraction(0), 0.4)]


def _outcomes(shares: Shares, prompts: int) -> Iterator[tuple[list[float], float]]:
    """Every sample up to order with its probability, less those that are hardly ever seen."""

    def split(left: int, kinds: int) -> Iterator[tuple[int, ...]]:
        if kinds == 1:
            yield (left,)
            return
        for first in range(left + 1):
            for rest in split(left - first, kinds - 1):
                yield (first, *rest)

    for counts in split(prompts, len(shares)):
        log = math.lgamma(prompts + 1)
        for count, (_, chance) in zip(counts, shares, strict=True):
            log += count * math.log(chance) - math.lgamma(count + 1)
        if log > math.log(1e-5):
            values = [float(v) for count, (v, _) in zip(counts, shares, strict=True) for _ in range(count)]
            yield values, math.exp(log)


@pytest.mark.parametrize("prompts", [2, 5, 12, 40])
@pytest.mark.parametrize("shares", [RARE_FAILURE, RARE_SUCCESS, NEAR_THE_LIMIT, ALL_OR_NOTHING])
def test_both_bounds_hold_at_least_as_often_as_they_say(shares: Shares, prompts: int) -> None:
    """Exactly, by summing over the outcomes; Student's t holds as seldom as 72 % of the time."""
    truth = float(sum(value * Fraction(chance) for value, chance in shares))
    below = above = seen = 0.0
    for values, chance in _outcomes(shares, prompts):
        bounds = mean_bounds(values)
        seen += chance
        below += chance * (bounds.lower <= truth + 1e-9)
        above += chance * (bounds.upper >= truth - 1e-9)
    assert seen > 0.99
    assert below >= 0.95
    assert above >= 0.95


def test_the_screen_s_seventy_two_prompts_are_bounded_honestly() -> None:
    """Simulated: seven acts, met one by one more or less often, as a fair model's replies look."""
    generator = random.Random(0)
    chances = [0.95, 0.9, 0.9, 0.8, 0.7, 0.6, 0.4]
    truth = sum(chances) / 7
    below = above = 0
    widths = []
    for _ in range(100):
        shares = [sum(generator.random() < chance for chance in chances) / 7 for _ in range(72)]
        bounds = mean_bounds(shares)
        below += bounds.lower <= truth
        above += bounds.upper >= truth
        widths.append(bounds.upper - bounds.lower)
    assert below / 100 >= 0.95
    assert above / 100 >= 0.95
    assert max(widths) < 0.13, "bounds must be narrow enough to pass a limit ten points below the mean"


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(
    ("met", "prompts"), [(0, 1), (1, 1), (2, 5), (12, 12), (1, 72), (70, 72), (300, 1080)]
)
def test_for_zeros_and_ones_the_bounds_are_the_exact_binomial_s(
    met: int, prompts: int, confidence: float
) -> None:
    bounds = mean_bounds([1.0] * met + [0.0] * (prompts - met), confidence=confidence)
    assert bounds.mean == pytest.approx(met / prompts)
    assert bounds.lower == pytest.approx(lower_bound(met, prompts, confidence=confidence), abs=1e-8)
    assert bounds.upper == pytest.approx(upper_bound(met, prompts, confidence=confidence), abs=1e-8)


def test_no_values_bound_nothing() -> None:
    assert mean_bounds([]) == MeanBounds(mean=0.0, lower=0.0, upper=1.0)


def test_one_value_bounds_almost_nothing() -> None:
    bounds = mean_bounds([0.8])
    assert bounds.mean == 0.8
    assert bounds.lower == pytest.approx(0.04)
    assert bounds.upper == pytest.approx(1 - 0.05 * 0.2)


def test_equal_values_still_leave_room_for_an_unseen_failure() -> None:
    bounds = mean_bounds([6 / 7] * 30)
    assert bounds.lower == pytest.approx(6 / 7 * 0.05 ** (1 / 30))
    assert bounds.upper == pytest.approx(1 - 1 / 7 * 0.05 ** (1 / 30))
    assert mean_bounds([1.0] * 72).upper == 1.0
    assert mean_bounds([0.0] * 72).lower == 0.0


def test_bounds_mirror_ignore_order_and_tighten() -> None:
    generator = random.Random(1)
    shares = [generator.randint(0, 7) / 7 for _ in range(50)]
    bounds = mean_bounds(shares)
    assert bounds.lower < bounds.mean < bounds.upper
    mirrored = mean_bounds([1 - share for share in shares])
    assert (mirrored.lower, mirrored.upper) == pytest.approx((1 - bounds.upper, 1 - bounds.lower))
    assert mean_bounds(sorted(shares)) == mean_bounds(sorted(shares, reverse=True))
    strict = mean_bounds(shares, confidence=0.99)
    assert strict.lower < bounds.lower < bounds.upper < strict.upper
    more = mean_bounds(shares * 4)
    assert bounds.lower < more.lower < more.upper < bounds.upper


def test_many_distinct_values_agree_with_a_simulated_dirichlet() -> None:
    generator = random.Random(2)
    shares = [generator.random() ** 0.5 for _ in range(40)]
    means = []
    for _ in range(8000):
        weights = [generator.expovariate(1.0) for _ in range(41)]
        means.append(sum(map(float.__mul__, weights, [*shares, 0.0])) / sum(weights))
    means.sort()
    assert mean_bounds(shares).lower == pytest.approx(means[400], abs=0.003)


@pytest.mark.parametrize("outside", [-0.1, 1.1, float("nan")])
def test_values_outside_the_scale_are_refused(outside: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_bounds([0.5, outside])


@pytest.mark.parametrize("limit", [0.6, 0.7, 0.85])
@pytest.mark.parametrize("shares", [[0.8], [1.0, 0.6], [6 / 7, 5 / 7, 1.0, 3 / 7], [1.0] * 9 + [0.0]])
def test_the_prompts_to_settle_are_enough_and_no_more(shares: list[float], limit: float) -> None:
    mean = sum(shares) / len(shares)
    total = len(shares) + prompts_to_settle(shares, limit)

    def settled(copies: int) -> bool:
        bounds = mean_bounds(shares * copies)
        return bounds.lower >= limit if mean > limit else bounds.upper <= limit

    assert settled(math.ceil(total / len(shares)))
    fewer = math.ceil(total / len(shares)) - 1
    assert fewer == 0 or not settled(fewer)


def test_settled_means_need_no_prompts_and_those_on_the_limit_any_number() -> None:
    assert prompts_to_settle([1.0] * 72, 0.6) == 0
    assert prompts_to_settle([0.1] * 72, 0.6) == 0
    assert prompts_to_settle([], 0.6) == 0
    with pytest.raises(UsageError, match=r"0\.6 cannot be shown"):
        prompts_to_settle([0.5, 0.7] * 10, 0.6)
