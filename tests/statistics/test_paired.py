"""Flips between two models: published values, exact error, and non-inferiority by a margin."""

import itertools
import random

import numpy as np
import pytest
from scipy.stats import binom

from quant_triage.harness.statistics import (
    change_bounds,
    fixed_sequence,
    holm,
    mcnemar,
    mcnemar_worse,
    non_inferior,
    upper_bound,
)


@pytest.mark.parametrize(
    ("worse", "better", "p"),
    [
        (0, 0, 1.0),
        (5, 0, 0.0625),
        (6, 0, 0.03125),
        (0, 6, 0.03125),
        (3, 3, 1.0),
        (9, 1, 0.021484375),
        (12, 2, 0.0129395),
    ],
)
def test_exact_mcnemar(worse: int, better: int, p: float) -> None:
    assert mcnemar(worse, better) == pytest.approx(p, abs=1e-6)


def test_one_sided_mcnemar_looks_at_the_worse_only() -> None:
    assert mcnemar_worse(5, 0) == 0.03125
    assert mcnemar_worse(0, 5) == 1.0
    assert mcnemar_worse(0, 0) == 1.0
    for worse, better in ((-1, 2), (2, -1)):
        with pytest.raises(ValueError, match="cannot be negative"):
            mcnemar(worse, better)


@pytest.mark.parametrize("flips", range(1, 40))
def test_mcnemar_errs_no_more_often_than_alpha(flips: int) -> None:
    """Exactly, by summing over every split of so many flips when either way is as likely."""
    weights = binom.pmf(np.arange(flips + 1), flips, 0.5)
    for test in (mcnemar, mcnemar_worse):
        rejected = np.array([test(worse, flips - worse) <= 0.05 for worse in range(flips + 1)])
        assert weights[rejected].sum() <= 0.05


def test_nothing_flipped_bounds_the_change_like_zero_events() -> None:
    bounds = change_bounds([0.0] * 72)
    assert bounds.mean == 0.0
    assert bounds.upper == pytest.approx(upper_bound(0, 72), abs=1e-9)
    assert bounds.lower == pytest.approx(-bounds.upper)
    assert (change_bounds([]).lower, change_bounds([]).upper) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        change_bounds([1.5])


@pytest.mark.parametrize(
    ("worse_rate", "better_rate"), [(0.10, 0.05), (0.05, 0.0), (0.30, 0.25), (0.06, 0.01)]
)
def test_non_inferiority_is_claimed_falsely_at_most_five_percent_of_the_time(
    worse_rate: float, better_rate: float
) -> None:
    """On the edge of the margin: the true rise is five points, so every claim is false. 3,000 repeats."""
    generator = random.Random(f"{worse_rate}")
    weights = [worse_rate, better_rate, 1 - worse_rate - better_rate]
    known: dict[tuple[int, int], bool] = {}
    claims = 0
    for _ in range(3000):
        drawn = generator.choices((1, -1, 0), weights, k=150)
        key = (drawn.count(1), drawn.count(-1))
        if key not in known:
            known[key] = non_inferior(*key, 150, margin=0.05)
        claims += known[key]
    assert claims / 3000 <= 0.05


def test_non_inferiority_can_be_shown_and_needs_prompts() -> None:
    assert non_inferior(0, 0, 59, margin=0.05)
    assert not non_inferior(0, 0, 58, margin=0.05)
    assert not non_inferior(1, 0, 59, margin=0.05)
    with pytest.raises(ValueError, match="do not fit"):
        non_inferior(3, 3, 5, margin=0.05)


def test_holm_s_published_example() -> None:
    """Holm (1979) as worked out by Wright (Biometrics 48, 1992) and others: order kept, never decreasing."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    with pytest.raises(ValueError, match="no p-value"):
        holm([0.5, 1.2])


def test_nine_one_way_flips_are_needed_over_twelve_levels() -> None:
    rest = [1.0] * 11
    assert holm([mcnemar(9, 0), *rest])[0] <= 0.05 < holm([mcnemar(8, 0), *rest])[0]


def test_a_fixed_sequence_stops_at_the_first_failure() -> None:
    assert fixed_sequence([0.01, 0.04, 0.06, 0.001]) == 2
    assert fixed_sequence([]) == 0
    assert fixed_sequence([0.2, 0.001]) == 0
    assert fixed_sequence([0.05]) == 1


@pytest.mark.parametrize("correlation", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("true_effects", [0, 3])
def test_families_err_no_more_often_than_alpha(correlation: float, true_effects: int) -> None:
    """5,000 families of eight tests, the first few of them with a true effect, independent or alike."""
    generator = np.random.default_rng(8)
    shared = generator.standard_normal((5000, 1)) * np.sqrt(correlation)
    scores = shared + generator.standard_normal((5000, 8)) * np.sqrt(1 - correlation)
    scores[:, :true_effects] += 4.0
    p_values = _normal_tail(scores)
    false_holm = false_sequence = 0
    for family in p_values.tolist():
        false_holm += any(value <= 0.05 for value in holm(family)[true_effects:])
        false_sequence += fixed_sequence(family) > true_effects
    slack = 3 * np.sqrt(0.05 * 0.95 / 5000)
    assert false_holm / 5000 <= 0.05 + slack
    assert false_sequence / 5000 <= 0.05 + slack


def _normal_tail(scores: np.ndarray) -> np.ndarray:
    from scipy.stats import norm  # noqa: PLC0415

    return np.asarray(norm.sf(scores))


def test_holm_never_rejects_what_bonferroni_does_not_and_more() -> None:
    for family in itertools.product((0.001, 0.012, 0.02, 0.3), repeat=4):
        adjusted = holm(family)
        assert all(mine <= min(1.0, 4 * raw) for mine, raw in zip(adjusted, family, strict=True))
        assert sorted(adjusted) == [adjusted[i] for i in sorted(range(4), key=lambda i: family[i])]
