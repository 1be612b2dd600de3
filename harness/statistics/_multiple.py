"""Many levels, one error: p-values of a family of tests, and tests in an order that was fixed beforehand."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of even one false rejection among them stays below alpha.

    Holm's step-down (Scand. J. Stat. 6, 1979): the i-th smallest of m, counted from 0, is multiplied by m -
    i, and none may be smaller than one before it. Holds under any dependence, such as levels of one model.
    Reject where the adjusted value is at most alpha. Order is kept.

    Raises:
        ValueError: A value is no probability.
    """
    _check(p_values)
    adjusted = [0.0] * len(p_values)
    most = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        most = max(most, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = most
    return adjusted


def fixed_sequence(p_values: Sequence[float], *, alpha: float = 0.05) -> int:
    """Count the tests that are rejected before the first that is not.

    Tests are made one after another in an order fixed before any data (here: from the largest level
    down), each at the full alpha, and all stop at the first failure. The chance of even one false rejection
    stays below alpha without dividing it (Maurer, Hothorn and Lehmacher, 1995; Westfall and Krishen, J. Stat.
    Plan. Inference 99, 2001). What comes after the first failure is shown by none of this, however small its
    own p-value.

    Raises:
        ValueError: A value is no probability.
    """
    _check(p_values)
    return next((index for index, value in enumerate(p_values) if value > alpha), len(p_values))


def _check(p_values: Sequence[float]) -> None:
    for value in p_values:
        if not 0 <= value <= 1:
            raise ValueError(f"{value!r} is no p-value: it must lie between 0 and 1")
