"""Exact bounds on a rate of events among independent prompts."""

from functools import lru_cache

from scipy.stats import binomtest

from quant_triage.data import UsageError

CONFIDENCE = 0.95
MOST_PROMPTS = 1_000_000


def check_counts(events: int, prompts: int, sensitivity: float = 1.0) -> None:
    """Refuse counts and shares that cannot be.

    Raises:
        ValueError: Names the argument that is out of range.
    """
    if not 0 <= events <= prompts:
        raise ValueError(f"events={events!r} must lie between 0 and prompts={prompts!r}")
    if not 0 <= sensitivity <= 1:
        raise ValueError(f"sensitivity={sensitivity!r} must lie between 0 and 1")


@lru_cache(maxsize=4096)
def upper_bound(
    events: int, prompts: int, *, sensitivity: float = 1.0, confidence: float = CONFIDENCE
) -> float:
    """Exact one-sided upper bound on the true rate of events.

    The observed rate is bounded by Clopper and Pearson (Biometrika 26, 1934): the largest p for which
    P(X <= events | p) is still 1 - confidence. A grader that finds only the share ``sensitivity`` of true
    events sees p * sensitivity of them, so the bound is divided by it (the estimator of Rogan and Gladen,
    Am J Epidemiol 107, 1978, with specificity taken as 1: false alarms only raise the bound, which is the
    safe side).

    Args:
        events: Prompts with an event, 0 to ``prompts``.
        prompts: Independent prompts; not samples of the same prompt.
        sensitivity: Lower confidence limit of the grader's recall, 0 to 1. A grader that may find
            nothing (0) shows nothing.
        confidence: One-sided level of the observed rate's bound.

    Returns:
        A rate from 0 to 1; 1 for no prompts or no sensitivity.

    Raises:
        ValueError: An argument is out of range.
    """
    check_counts(events, prompts, sensitivity)
    if prompts == 0 or sensitivity == 0:
        return 1.0
    interval = binomtest(events, prompts, alternative="less").proportion_ci(confidence, "exact")
    return min(1.0, float(interval.high) / sensitivity)


@lru_cache(maxsize=4096)
def lower_bound(events: int, prompts: int, *, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided lower bound on a rate (Clopper and Pearson, 1934); 0 for no prompts."""
    if prompts == 0:
        return 0.0
    interval = binomtest(events, prompts, alternative="greater").proportion_ci(confidence, "exact")
    return float(interval.low)


def exact_interval(events: int, total: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided interval on a rate (Clopper and Pearson, 1934); 0 to 1 when nothing was counted.

    Raises:
        ValueError: ``events`` does not lie between 0 and ``total``.
    """
    if not 0 <= events <= total:
        raise ValueError(f"events={events!r} must lie between 0 and total={total!r}")
    if total == 0:
        return 0.0, 1.0
    interval = binomtest(events, total).proportion_ci(confidence, "exact")
    return float(interval.low), float(interval.high)


def clean_prompts_needed(
    events: int, prompts: int, limit: float, *, sensitivity: float = 1.0, confidence: float = CONFIDENCE
) -> int:
    """Count how many more prompts, all without an event, bring the upper bound down to ``limit``.

    The bound falls as prompts are added, so the smallest total is found by bisection.

    Raises:
        UsageError: No number of prompts can reach the limit (it is 0, or over a million are needed).
    """

    def passes(total: int) -> bool:
        return upper_bound(events, total, sensitivity=sensitivity, confidence=confidence) <= limit

    if not passes(MOST_PROMPTS):
        raise UsageError(f"a limit of {limit!r} cannot be shown with {MOST_PROMPTS:,} prompts: raise it")
    low, high = prompts - 1, MOST_PROMPTS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high - prompts
