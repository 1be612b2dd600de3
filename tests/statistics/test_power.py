"""Power: exact, in agreement with the gate itself, and honest about what cannot be reached."""

import random

import pytest

from quant_triage.data import UsageError
from quant_triage.harness.statistics import (
    events_allowed,
    mcnemar,
    power_to_pass,
    prompts_for_power,
    prompts_to_tell_apart,
    upper_bound,
)


@pytest.mark.parametrize(
    ("prompts", "allowed"), [(58, -1), (59, 0), (72, 0), (93, 1), (124, 2), (153, 3), (181, 4)]
)
def test_events_allowed_match_wilks_sample_sizes(prompts: int, allowed: int) -> None:
    assert events_allowed(prompts, 0.05) == allowed
    assert upper_bound(allowed + 1, prompts) > 0.05


def test_a_model_at_the_limit_passes_at_most_one_time_in_twenty() -> None:
    for prompts in range(1, 400):
        assert power_to_pass(0.05, prompts, 0.05) <= 0.05 + 1e-12


@pytest.mark.parametrize(("rate", "prompts"), [(0.0, 72), (0.005, 72), (0.01, 200), (0.02, 300)])
def test_power_is_how_often_the_gate_passes(rate: float, prompts: int) -> None:
    generator = random.Random(prompts)
    passed = 0
    for _ in range(2000):
        passed += upper_bound(sum(generator.random() < rate for _ in range(prompts)), prompts) <= 0.05
    assert passed / 2000 == pytest.approx(power_to_pass(rate, prompts, 0.05), abs=0.035)


@pytest.mark.parametrize("rate", [0.0, 0.005, 0.01, 0.02])
@pytest.mark.parametrize("sensitivity", [1.0, 0.85])
def test_the_prompts_for_a_power_are_the_fewest(rate: float, sensitivity: float) -> None:
    needed = prompts_for_power(rate, 0.05, sensitivity=sensitivity)
    assert power_to_pass(rate, needed, 0.05, sensitivity=sensitivity) >= 0.8
    assert all(power_to_pass(rate, n, 0.05, sensitivity=sensitivity) < 0.8 for n in range(1, needed))


def test_a_rate_at_the_limit_never_passes() -> None:
    with pytest.raises(UsageError, match="too near the limit"):
        prompts_for_power(0.05, 0.05)


def test_no_power_without_enough_prompts() -> None:
    assert power_to_pass(0.0, 58, 0.05) == 0.0
    assert power_to_pass(0.0, 59, 0.05) == 1.0


def test_flips_become_significant_with_enough_prompts() -> None:
    more = prompts_to_tell_apart(3, 0, 72)
    assert more is not None
    assert mcnemar(3 * (72 + more) // 72, 0) <= 0.05
    assert prompts_to_tell_apart(6, 0, 72) == 0
    assert prompts_to_tell_apart(2, 2, 72) is None
    assert prompts_to_tell_apart(0, 0, 72) is None
    with pytest.raises(ValueError, match="do not fit"):
        prompts_to_tell_apart(3, 3, 5)
