"""The bound that may be read at every reply: published values, closed forms, and its error when watched."""

import math

import numpy as np
import pytest
from scipy.special import beta

from quant_triage.harness.statistics import anytime_upper_bound, upper_bound


@pytest.mark.parametrize(("prompts", "percent"), [(100, 5.7), (300, 2.1)])
def test_clean_prompts_give_the_known_bounds(prompts: int, percent: float) -> None:
    assert 100 * anytime_upper_bound(0, prompts) == pytest.approx(percent, abs=0.05)


@pytest.mark.parametrize("prompts", [1, 12, 72, 360])
def test_without_events_it_has_a_closed_form(prompts: int) -> None:
    mixture = beta(0.5, prompts + 0.5) / beta(0.5, 0.5)
    assert anytime_upper_bound(0, prompts) == pytest.approx(1 - (0.05 * mixture) ** (1 / prompts), rel=1e-9)


@pytest.mark.parametrize(("events", "prompts"), [(1, 2), (3, 72), (40, 80), (359, 360)])
def test_at_the_bound_the_evidence_against_the_rate_is_twenty_to_one(events: int, prompts: int) -> None:
    bound = anytime_upper_bound(events, prompts)
    likelihood = events * math.log(bound) + (prompts - events) * math.log1p(-bound)
    mixture = math.log(beta(events + 0.5, prompts - events + 0.5) / beta(0.5, 0.5))
    assert mixture - likelihood == pytest.approx(math.log(20), rel=1e-6)
    assert bound > upper_bound(events, prompts), "what may be read at any time costs width"


def test_ends_and_the_grader() -> None:
    assert (
        anytime_upper_bound(0, 0)
        == anytime_upper_bound(5, 5)
        == anytime_upper_bound(0, 9, sensitivity=0)
        == 1
    )
    assert anytime_upper_bound(0, 300, sensitivity=0.5) == pytest.approx(2 * anytime_upper_bound(0, 300))
    with pytest.raises(ValueError, match="events=3"):
        anytime_upper_bound(3, 2)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5])
def test_watched_to_the_end_it_fails_no_more_often_than_it_says(rate: float) -> None:
    """4,000 models, each watched for 150 prompts: how many bounds ever lay below the true rate?

    The fixed-sample bound, watched like that, fails two to four times as often as it says.
    """
    generator = np.random.default_rng(int(1000 * rate))
    counts = np.cumsum(generator.random((4000, 150)) < rate, axis=1)

    def ever_below(bound: object) -> float:
        assert callable(bound)
        table = np.ones((151, 151))
        for prompts in range(1, 151):
            for events in range(int(counts[:, prompts - 1].max()) + 1):
                table[events, prompts] = bound(events, prompts)
        bounds = table[counts, np.arange(1, 151)]
        return float((bounds < rate).any(axis=1).mean())

    assert ever_below(anytime_upper_bound) <= 0.05
    if rate == 0.2:
        assert ever_below(upper_bound) > 0.10, (
            "a bound that is not made for it must fail, else this shows little"
        )
