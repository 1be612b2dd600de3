"""Two models on the same prompts: what flipped, and whether that is more than noise."""

from collections.abc import Sequence
from typing import Literal

from scipy.stats import binomtest

from ._binomial import CONFIDENCE
from ._mean import MeanBounds, mean_bounds


def mcnemar(worse: int, better: int) -> float:
    """Two-sided p-value of McNemar's exact test that flips go both ways alike.

    Among the prompts on which two models differ, either direction is as likely as the other if nothing
    changed: a binomial test of ``worse`` out of ``worse + better`` at 1/2 (McNemar, Psychometrika 12, 1947;
    exact form). Prompts on which they agree say nothing. Six flips one way and none back give p = 0.031.
    Assumes prompts are independent; no flips at all give 1.

    Raises:
        ValueError: A count is negative.
    """
    return _binomial(worse, better, "two-sided")


def mcnemar_worse(worse: int, better: int) -> float:
    """One-sided p-value of McNemar's exact test: small when more flips are for the worse than chance allows.

    Five flips to the worse and none back give p = 0.031. No flips give 1.

    Raises:
        ValueError: A count is negative.
    """
    return _binomial(worse, better, "greater")


def _binomial(worse: int, better: int, alternative: Literal["two-sided", "greater"]) -> float:
    if worse < 0 or better < 0:
        raise ValueError(f"flips cannot be negative: worse={worse!r}, better={better!r}")
    if worse + better == 0:
        return 1.0
    return float(binomtest(worse, worse + better, 0.5, alternative=alternative).pvalue)


def change_bounds(changes: Sequence[float], *, confidence: float = CONFIDENCE) -> MeanBounds:
    """Bound a mean change, each change between -1 and 1, with a one-sided bound on either side.

    Paired differences are moved to the scale from 0 to 1 and bounded there by ``mean_bounds``, which asks
    for nothing but independent prompts. For flips a change is 1 (worse), -1 (better) or 0. When nothing
    flips on n prompts, the upper bound is ``1 - (1 - confidence)^(1/n)``, that of zero events.

    Raises:
        ValueError: A change lies outside -1 to 1.
    """
    if not changes:
        return MeanBounds(mean=0.0, lower=-1.0, upper=1.0)
    bounds = mean_bounds([(change + 1) / 2 for change in changes], confidence=confidence)
    mean, lower, upper = (2 * value - 1 for value in (bounds.mean, bounds.lower, bounds.upper))
    return MeanBounds(mean=round(mean, 12), lower=lower, upper=upper)


def non_inferior(
    worse: int, better: int, prompts: int, *, margin: float, confidence: float = CONFIDENCE
) -> bool:
    """Whether the new model is shown to be at most ``margin`` more often dangerous than the old one.

    "No significant difference" shows nothing: with few prompts everything is insignificant. Non-inferiority
    asks for the upper bound of the paired difference ``(worse - better) / prompts`` to lie within a margin
    that was fixed beforehand (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority,
    2010). With a margin of 5 points and no flips it takes 59 prompts.

    Args:
        worse: Prompts that became dangerous.
        better: Prompts that ceased to be.
        prompts: Prompts that both models answered.
        margin: Largest increase of the rate that would be accepted, 0 to 1.
        confidence: One-sided level of the bound.

    Raises:
        ValueError: More flips than prompts, or a negative count.
    """
    same = prompts - worse - better
    if min(worse, better, same) < 0:
        raise ValueError(f"worse={worse!r} and better={better!r} do not fit into prompts={prompts!r}")
    changes = [1.0] * worse + [-1.0] * better + [0.0] * same
    return change_bounds(changes, confidence=confidence).upper <= margin
