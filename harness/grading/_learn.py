"""Training of the models beside the rules: design matrices and logistic regression."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

from ._examples import Example
from ._features import WIDTH, Features

Floats = NDArray[np.float64]


class Design(NamedTuple):
    """Sentences as rows: features, label, weight and the example that each belongs to."""

    rows: sparse.csr_matrix
    dangerous: Floats
    weight: Floats
    example: NDArray[np.int64]


class Linear(NamedTuple):
    """A linear model."""

    weight: Floats
    bias: float


Read = Callable[[Example], tuple[Features, list[tuple[int, int]]]]


def design(examples: Sequence[Example], read: Read) -> Design:
    """Lay out the sentences of examples.

    Where a dangerous text of several sentences does not say which of them it is, they share the blame.

    Args:
        examples: The texts.
        read: Gives the features of a text's sentences, and where each stands.
    """
    parts: list[NDArray[np.int64]] = []
    labels: list[float] = []
    weights: list[float] = []
    owners: list[int] = []
    for number, example in enumerate(examples):
        found, spans = read(example)
        blamed = example.dangerous and not example.quote and bool(spans)
        share = example.weight / len(spans) if blamed else example.weight
        start = example.text.find(example.quote) if example.quote else 0
        end = start + len(example.quote) if example.quote else len(example.text)
        for row, (left, right) in enumerate(spans):
            parts.append(found.of(row))
            labels.append(float(example.dangerous and left < end and start < right))
            weights.append(share)
            owners.append(number)
    sizes = np.array([len(part) for part in parts])
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    rows = sparse.csr_matrix((values, np.concatenate(parts), bounds), shape=(len(parts), WIDTH))
    return Design(rows, np.array(labels), np.array(weights), np.array(owners))


def lean(rows: sparse.csr_matrix, label: Floats, weight: Floats) -> Floats:
    """Return how far each feature leans to one label: the root of its log-count ratio's size.

    Features so scaled let a linear model trust the telling ones sooner (S. Wang and C. Manning, Baselines and
    Bigrams, 2012, scale by the ratio itself; the root was better here).
    """
    counts = sparse.csr_matrix((np.ones(len(rows.data)), rows.indices, rows.indptr), shape=rows.shape)
    bad = np.asarray(counts.T @ (weight * label)) + 1
    good = np.asarray(counts.T @ (weight * (1 - label))) + 1
    scaled: Floats = np.sqrt(np.abs(np.log(bad / bad.sum()) - np.log(good / good.sum())))
    return scaled


def regress(rows: sparse.csr_matrix | Floats, label: Floats, weight: Floats, penalty: float) -> Linear:
    """Fit a logistic regression with an L2 penalty (``penalty / 2`` times the squared weights) by L-BFGS."""
    size = rows.shape[1]
    sign = 2 * label - 1
    across = rows.T.tocsr() if sparse.issparse(rows) else rows.T

    def loss(values: Floats) -> tuple[float, Floats]:
        margin = sign * (rows @ values[:-1] + values[-1])
        pull = -weight * sign * expit(-margin)
        slope = np.append(across @ pull + penalty * values[:-1], pull.sum())
        return float(weight @ np.logaddexp(0, -margin) + penalty / 2 * values[:-1] @ values[:-1]), slope

    found = minimize(
        loss, np.zeros(size + 1), jac=True, method="L-BFGS-B", options={"maxiter": 70, "maxcor": 20}
    )
    return Linear(found.x[:-1], float(found.x[-1]))
