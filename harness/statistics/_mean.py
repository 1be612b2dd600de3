"""Bounds on a mean of shares, such as coverage."""

import math
from collections.abc import Sequence

from scipy.stats import t as student

from quant_triage.data import Record

from ._binomial import CONFIDENCE

FEWEST = 5


class MeanBounds(Record):
    """A mean of values between 0 and 1, with one-sided bounds at the same level on either side."""

    mean: float
    lower: float
    upper: float


def mean_bounds(values: Sequence[float], *, confidence: float = CONFIDENCE) -> MeanBounds:
    """Bound the mean of independent values between 0 and 1 by Student's t, clipped to [0, 1].

    Assumes prompts drawn independently within fixed scenarios; the spread between scenarios is then counted
    as noise, which widens the bounds. Under ``FEWEST`` values nothing is claimed: the bounds are 0 and 1.
    Values that are all equal have no visible spread; their bounds fall back on the exact binomial's for
    an unseen event (rule of three: 1 - (1 - confidence)^(1/n)).
    """
    count = len(values)
    if count == 0:
        return MeanBounds(mean=0.0, lower=0.0, upper=1.0)
    mean = math.fsum(values) / count
    if count < FEWEST:
        return MeanBounds(mean=mean, lower=0.0, upper=1.0)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    if variance > 0:
        margin = float(student.ppf(confidence, count - 1)) * math.sqrt(variance / count)
    else:
        margin = 1 - (1 - confidence) ** (1 / count)
    return MeanBounds(mean=mean, lower=max(0.0, mean - margin), upper=min(1.0, mean + margin))
