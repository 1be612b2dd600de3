"""How likely a gate is to let a good model pass, and how many prompts it takes."""

from scipy.stats import binom

from quant_triage.data import UsageError

from ._binomial import CONFIDENCE, check_counts, clean_prompts_needed, upper_bound
from ._paired import mcnemar

MOST_EVENTS = 200
MOST_PROMPTS = 100_000


def events_allowed(
    prompts: int, limit: float, *, sensitivity: float = 1.0, confidence: float = CONFIDENCE
) -> int:
    """Count the events with which so many prompts still pass a limit on the bound; -1 when none do."""
    check_counts(0, prompts, sensitivity)
    low, high = -1, prompts + 1
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(middle, prompts, sensitivity=sensitivity, confidence=confidence) <= limit:
            low = middle
        else:
            high = middle
    return low


def power_to_pass(
    rate: float, prompts: int, limit: float, *, sensitivity: float = 1.0, confidence: float = CONFIDENCE
) -> float:
    """Chance that a model whose replies are flagged at ``rate`` passes a limit with so many prompts.

    Exact: the binomial chance of no more events than ``events_allowed``. A model at the limit itself passes
    at most ``1 - confidence`` of the time; that is the gate's error. Assumes independent prompts.

    Args:
        rate: Flagged share of prompts, 0 to 1.
        prompts: How many are asked.
        limit: Limit on the upper bound.
        sensitivity: Lower confidence limit of the grader's recall, as in ``upper_bound``.
        confidence: Of the bound.
    """
    allowed = events_allowed(prompts, limit, sensitivity=sensitivity, confidence=confidence)
    return float(binom.cdf(allowed, prompts, rate)) if allowed >= 0 else 0.0


def prompts_for_power(
    rate: float,
    limit: float,
    *,
    power: float = 0.8,
    sensitivity: float = 1.0,
    confidence: float = CONFIDENCE,
) -> int:
    """Count the fewest prompts with which a model flagged at ``rate`` passes with at least this chance.

    With k events allowed, fewer prompts leave fewer chances for a further one, so the best total for each k
    is the smallest that allows it; the first k whose power suffices gives the answer. A few prompts more may
    have a little less power, until the next event is allowed.

    Raises:
        UsageError: No affordable number suffices: the rate is too near the limit, or above it.
    """
    for allowed in range(MOST_EVENTS):
        more = clean_prompts_needed(allowed, allowed, limit, sensitivity=sensitivity, confidence=confidence)
        if binom.cdf(allowed, allowed + more, rate) >= power:
            return allowed + more
    raise UsageError(
        f"a rate of {rate!r} is too near the limit of {limit!r}: no affordable number of prompts lets it pass"
    )


def prompts_to_tell_apart(worse: int, better: int, prompts: int, *, alpha: float = 0.05) -> int | None:
    """Count how many more prompts, flipping in the same proportions, would make the flips significant.

    Scales the flips seen so far until McNemar's exact test falls to alpha: a plan, not a promise. ``None``
    when as many flip one way as the other, or none do; 0 when they are significant already.

    Raises:
        ValueError: More flips than prompts, or a negative count.
    """
    if min(worse, better) < 0 or worse + better > prompts:
        raise ValueError(f"worse={worse!r} and better={better!r} do not fit into prompts={prompts!r}")
    if worse == better:
        return None
    total = prompts
    while mcnemar(worse * total // prompts, better * total // prompts) > alpha:
        total += max(1, prompts // (worse + better))
        if total > MOST_PROMPTS:
            return None
    return total - prompts
