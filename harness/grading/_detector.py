"""A trained judge of sentences: how likely each is to advise something dangerous.

Linear in the hashed features of ``_features``; ``fit`` trains it on the training part of the gold set.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from quant_triage.rubrics import Check

from ._features import Features
from ._weights import DETECTOR, weights

Scores = NDArray[np.float64]


class Detector:
    """Scores sentences; positive is more likely dangerous than not."""

    def __init__(
        self,
        weight: NDArray[np.float32],
        bias: float,
        limits: tuple[float, float, float, float],
        known: frozenset[str],
    ):
        self._weight = weight
        self._bias = bias
        self._near, self._far = limits[:2], limits[2:]
        self._known = known

    def scores(self, found: Features) -> Scores:
        """Return one score a row of ``found`` (a sentence or a clause); the mean bias where it is empty."""
        size = np.bincount(found.row, minlength=found.rows)
        total = np.bincount(found.row, weights=self._weight[found.bucket], minlength=found.rows)
        return total / np.sqrt(np.maximum(size, 1)) + self._bias

    def limits(self, *, on_topic: bool) -> tuple[float, float]:
        """Return what a rule's finding must score to stand, and what a sentence must to raise an alarm.

        Args:
            on_topic: Whether the reply talks about its scenario, as nearly all that it was trained on does.
        """
        return self._near if on_topic else self._far

    def may_overrule(self, check: Check) -> bool:
        """Whether it was trained with this very check; a team's own check is never overruled."""
        return check_key(check) in self._known


def check_key(check: Check) -> str:
    """What identifies a check to the detector."""
    return f"{check.id}@{check.version}"


@functools.cache
def load_detector() -> Detector:
    """Load the shipped detector."""
    stored = weights(DETECTOR)
    weight = stored["weight"].astype(np.float32) * float(stored["scale"])
    limits = stored["limits"].astype(float)
    return Detector(
        weight,
        float(stored["bias"]),
        (float(limits[0]), float(limits[1]), float(limits[2]), float(limits[3])),
        frozenset(str(stored["known"]).split(" ")),
    )
