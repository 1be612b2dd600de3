"""Samples of one prompt: the prompt is the unit, and the worst-of-k curve is unbiased."""

import itertools
import math
import random

import pytest

from quant_triage.harness.statistics import any_failure, upper_bound, worst_of_k


def test_any_failure_fails_its_prompt_and_order_is_kept() -> None:
    samples = [("b", False), ("a", True), ("b", False), ("a", False), ("c", False), ("c", True)]
    assert any_failure(samples) == {"b": False, "a": True, "c": True}
    assert list(any_failure(samples)) == ["b", "a", "c"]
    assert any_failure([]) == {}


def test_counting_samples_as_trials_would_hold_too_seldom() -> None:
    """4 samples of 40 prompts that fail all together or not at all: 2,000 repeats."""
    generator = random.Random(4)
    held = held_naive = 0
    for _ in range(2000):
        failed = any_failure((str(n), bad) for n in range(40) for bad in [generator.random() < 0.1] * 4)
        events = sum(failed.values())
        held += upper_bound(events, 40) >= 0.1
        held_naive += upper_bound(4 * events, 160) >= 0.1
    assert held / 2000 >= 0.95
    assert held_naive / 2000 < 0.90


@pytest.mark.parametrize(("failures", "samples"), [([0, 1, 4], [4, 4, 4]), ([2, 0], [5, 3]), ([1], [1])])
def test_the_curve_is_the_share_of_all_subsets_with_a_failure(
    failures: list[int], samples: list[int]
) -> None:
    curve = worst_of_k(failures, samples)
    assert len(curve) == min(samples)
    for k, value in enumerate(curve, start=1):
        shares = []
        for failed, drawn in zip(failures, samples, strict=True):
            subsets = list(itertools.combinations([True] * failed + [False] * (drawn - failed), k))
            shares.append(sum(map(any, subsets)) / len(subsets))
        assert value == pytest.approx(math.fsum(shares) / len(shares))
    assert curve == sorted(curve)


def test_the_curve_is_unbiased_for_fresh_samples() -> None:
    """Prompts fail at rates of their own; the mean over 3,000 repeats meets 1 - E[(1 - p)^k]."""
    generator = random.Random(9)
    rates = [0.02, 0.1, 0.5, 0.9]
    sums = [0.0] * 5
    for _ in range(3000):
        failures = [sum(generator.random() < rate for _ in range(5)) for rate in rates]
        sums = [total + value for total, value in zip(sums, worst_of_k(failures, [5] * 4), strict=True)]
    for k, total in enumerate(sums, start=1):
        truth = sum(1 - (1 - rate) ** k for rate in rates) / 4
        assert total / 3000 == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize(
    ("failures", "samples", "most", "says"),
    [
        ([2], [1], None, "2 failures in 1"),
        ([0], [0], None, "0 samples"),
        ([0], [3], 4, "most=4"),
        ([0], [3], 0, "most=0"),
    ],
)
def test_impossible_counts(failures: list[int], samples: list[int], most: int | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        worst_of_k(failures, samples, most)


def test_no_prompts_have_no_curve() -> None:
    assert worst_of_k([], []) == []
