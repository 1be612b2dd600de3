"""Figures of agreement between labels and grades, each with its formula and its interval."""

from collections import Counter
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from quant_triage.data import Record

from .statistics import exact_interval

RESAMPLES = 4000
SEED = 0


class Share(Record):
    """``events`` of ``total``, with the exact two-sided 95 % interval; no ``value`` for a total of 0."""

    events: int
    total: int
    value: float | None
    low: float
    high: float

    @classmethod
    def of(cls, events: int, total: int) -> Self:
        """Return the share of events, with its interval."""
        low, high = exact_interval(events, total)
        return cls(events=events, total=total, value=events / total if total else None, low=low, high=high)


class Estimate(Record):
    """A figure with its 95 % interval; ``None`` where there is nothing to compute it from."""

    value: float | None
    low: float | None = None
    high: float | None = None


class GradeFigures(Record):
    """How well one grade is told from all others."""

    precision: Share
    recall: Share
    f1: Estimate


def grade_figures(pairs: Sequence[tuple[bool, bool]]) -> GradeFigures:
    """Compute precision, recall and F1 of one grade from (labelled so, graded so).

    With J = TP / (TP + FP + FN), F1 = 2 J / (1 + J) rises with J, and given the size of that union TP is
    binomial: the exact interval of J, carried through, is an exact one of F1 (and never of width 0).
    """
    true = sum(labelled and given for labelled, given in pairs)
    labelled_so = sum(labelled for labelled, _ in pairs)
    given_so = sum(given for _, given in pairs)
    union = Share.of(true, labelled_so + given_so - true)
    if union.value is None:
        f1 = Estimate(value=None)
    else:
        value, low, high = (2 * j / (1 + j) for j in (union.value, union.low, union.high))
        f1 = Estimate(value=value, low=low, high=high)
    return GradeFigures(precision=Share.of(true, given_so), recall=Share.of(true, labelled_so), f1=f1)


def macro_f1(pairs: Sequence[tuple[str, str]], grades: Sequence[str]) -> Estimate:
    """Compute the mean F1 over grades, with a percentile bootstrap interval.

    Whole replies are resampled, by drawing the cells of the confusion table (the same distribution, and
    fast), with a generator of its own and a fixed seed. Scenarios are the same fixed ones everywhere and are
    not resampled. A grade that occurs on neither side has no F1 and is left out of the mean. Where no error
    was seen a bootstrap has nothing to vary, so it gives no interval rather than one of width 0.
    """
    cells = Counter(pairs)
    columns = [*grades, *sorted({given for _, given in pairs} - set(grades))]
    table = np.array([[cells[row, column] for column in columns] for row in grades], dtype=float)
    total = int(table.sum())
    if total == 0:
        return Estimate(value=None)
    value = float(_mean_f1(table[None])[0])
    if np.trace(table) == total:
        return Estimate(value=value)
    draws = np.random.default_rng(SEED).multinomial(total, table.ravel() / total, size=RESAMPLES)
    means = _mean_f1(draws.reshape(RESAMPLES, *table.shape).astype(float))
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(value=value, low=float(low), high=float(high))


def _mean_f1(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean F1 of each confusion table; tables x labelled grades x given grades, labelled ones first."""
    grades = tables.shape[1]
    true = np.diagonal(tables, axis1=1, axis2=2)
    either = tables.sum(axis=2) + tables.sum(axis=1)[:, :grades]
    f1 = np.divide(2 * true, either, out=np.zeros_like(either), where=either > 0)
    mean: NDArray[np.float64] = f1.sum(axis=1) / (either > 0).sum(axis=1)
    return mean


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa (Educ Psychol Meas 20, 1960): agreement beyond chance, 1 at most.

    ``None`` without pairs, or where both sides name one and the same grade throughout (0 / 0).
    """
    if not pairs:
        return None
    total = len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[name] * second[name] for name in first) / total**2
    if chance == 1:
        return None
    observed = sum(a == b for a, b in pairs) / total
    return (observed - chance) / (1 - chance)
