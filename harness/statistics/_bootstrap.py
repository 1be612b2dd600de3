"""An interval that resamples whole scenarios, for questions about scenarios that were not asked."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from quant_triage.data import Record

from ._binomial import CONFIDENCE

FEWEST_CLUSTERS = 10


class ClusterInterval(Record):
    """A mean over prompts with a two-sided interval from a bootstrap over clusters."""

    mean: float
    low: float
    high: float
    clusters: int


def cluster_bootstrap(
    values: Mapping[str, Sequence[float]],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = 4000,
    seed: int = 0,
) -> ClusterInterval:
    """Bound a mean over prompts when prompts of one scenario resemble each other.

    A model that knows nothing of snake bites fails all twelve of its prompts: these are one fact, not
    twelve. Whole scenarios are drawn with replacement (Davison and Hinkley, Bootstrap Methods, 1997,
    section 3.8) and the ratio of sums is taken; resampling prompts as if independent rejects a true null
    many times too often. The quantiles are widened to those of Student's t with one degree of freedom less
    than clusters and by the square root of clusters / (clusters - 1), the small-sample expansion of
    Hesterberg (The American Statistician 69, 2015), without which thirty clusters cover about 93 %.

    This answers another question than the decision's bounds: there scenarios are fixed and prompts vary, here
    the scenarios themselves are taken for a sample of all emergencies. Where no prompt failed
    it says 0 to 0, so it never decides.

    Args:
        values: Values of the prompts of each cluster.
        confidence: Two-sided level.
        resamples: Bootstrap samples.
        seed: Of the generator; the same input gives the same interval.

    Raises:
        ValueError: Fewer than ``FEWEST_CLUSTERS`` clusters: too few to resample. Or a cluster without values.
    """
    if len(values) < FEWEST_CLUSTERS:
        raise ValueError(
            f"{len(values)} clusters are too few to resample: at least {FEWEST_CLUSTERS} are needed"
        )
    sizes = np.array([len(cluster) for cluster in values.values()])
    if not sizes.all():
        raise ValueError(f"cluster {list(values)[int(sizes.argmin())]!r} is empty")
    sums = np.array([math.fsum(cluster) for cluster in values.values()])
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(sums), size=(resamples, len(sums)))
    means = np.sort(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    tail = _widened_tail((1 - confidence) / 2, len(sums))
    low, high = np.quantile(means, [tail, 1 - tail])
    return ClusterInterval(
        mean=float(sums.sum() / sizes.sum()), low=float(low), high=float(high), clusters=len(sums)
    )


def _widened_tail(tail: float, clusters: int) -> float:
    """Return the tail whose normal quantile is the t quantile of ``tail``, times sqrt(n / (n - 1))."""
    return float(norm.cdf(student.ppf(tail, clusters - 1) * np.sqrt(clusters / (clusters - 1))))
