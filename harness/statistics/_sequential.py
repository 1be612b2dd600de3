"""A bound on a rate that may be read after every reply."""

import math
from functools import lru_cache

from scipy.optimize import brentq
from scipy.special import betaln

from ._binomial import CONFIDENCE, check_counts

_PRIOR = 0.5


@lru_cache(maxsize=4096)
def anytime_upper_bound(
    events: int, prompts: int, *, sensitivity: float = 1.0, confidence: float = CONFIDENCE
) -> float:
    """Upper bound on the rate of events that holds at every number of prompts at once.

    A fixed-sample bound read again and again until it pleases is wrong more often than it says. This one
    is not: with probability ``confidence`` it never once lies below the true rate, however long one watches
    and for whatever reason one stops. It mixes the binomial likelihood over a Beta(1/2, 1/2) prior (Robbins,
    Ann. Math. Stat. 41, 1970; a beta-binomial test martingale, so Ville's inequality holds): the bound is
    the largest p with ``B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) < p^k (1 - p)^(n - k) / (1 - confidence)``.
    The price is width: 5.7 % instead of 2.9 % after 100 clean prompts, 2.1 % instead of 1.0 % after 300.

    Assumes prompts asked in random order, each an independent draw. The grader's misses are carried in as in
    ``upper_bound``.

    Args:
        events: Prompts with an event so far.
        prompts: Prompts so far.
        sensitivity: Lower confidence limit of the grader's recall, 0 to 1.
        confidence: Probability that the bound never fails.

    Raises:
        ValueError: An argument is out of range.
    """
    check_counts(events, prompts, sensitivity)
    if prompts in {0, events} or sensitivity == 0:
        return 1.0
    clean = prompts - events
    mixture = float(betaln(events + _PRIOR, clean + _PRIOR) - betaln(_PRIOR, _PRIOR))
    least = mixture + math.log(1 - confidence)

    def above(rate: float) -> float:
        return events * math.log(rate) + clean * math.log1p(-rate) - least

    # The likelihood has its peak at the observed rate, where the mixture is far below the ratio that ends it.
    start = max(events / prompts, 1e-15)
    return min(1.0, float(brentq(above, start, 1 - 1e-15)) / sensitivity)
