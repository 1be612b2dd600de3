"""Which of the corpus's messages do not tell for certain which emergency they are about?

A base that is taught a confident answer to a message that fits two emergencies is taught to guess. So a plain
linear model over words and letter groups judges every message that it was not fitted on (five folds), and
the messages that it takes for another emergency, or hardly for the right one, are answered as unclear in
pretraining: refusal-aware training (Zhang et al., R-Tuning, NAACL 2024) with the doubts taken out of fold
(Northcutt et al., Confident Learning, JAIR 2021). After a change of `corpus/messages/`, list them anew:

    python -m quant_triage.training._doubt
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from ._knowledge import DOUBTFUL, load_scenarios

FOLDS = 5
BUCKETS = 1 << 17
LETTERS = (3, 4, 5)
PENALTY = 0.1
ITERATIONS = 60
LEAST = 0.3  # probability of the right emergency below which a message is doubtful
Matrix = NDArray[np.float32]


def features(text: str) -> list[int]:
    """The buckets of a message's words, neighbouring words and letter groups, each once."""
    told = ["<", *"".join(c if c.isalnum() else " " for c in text.casefold()).split(), ">"]
    found = {*told, *(" ".join(pair) for pair in pairwise(told))}
    for word in told:
        inside = f"_{word}_"
        found.update("#" + inside[i : i + n] for n in LETTERS for i in range(len(inside) - n + 1))
    return sorted({zlib.crc32(name.encode()) % BUCKETS for name in found})


def matrix(texts: Sequence[str]) -> csr_array:
    """One row of unit length a text, a column a bucket; rare features weigh more (tf-idf)."""
    rows = [features(text) for text in texts]
    ends = np.cumsum([0, *map(len, rows)])
    plain = csr_array((np.ones(ends[-1], np.float32), np.concatenate(rows), ends), shape=(len(rows), BUCKETS))
    rarity = np.log((1 + len(rows)) / (1 + plain.sum(axis=0)))
    weighed = plain.multiply(rarity[None, :]).tocsr()
    length = np.sqrt(weighed.multiply(weighed).sum(axis=1))
    scaled: csr_array = weighed.multiply(1 / np.maximum(length, 1e-9)[:, None]).tocsr().astype(np.float32)
    return scaled


def fit(x: csr_array, labels: NDArray[np.int64], classes: int) -> Matrix:
    """Weights, buckets x classes, of a softmax regression with an L2 penalty, by L-BFGS."""
    rows, width = x.shape
    wanted = np.eye(classes, dtype=np.float32)[labels]
    turned = x.T.tocsr()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(width, classes).astype(np.float32)
        chance = softmax(x @ weights)
        cost = -np.log(chance[np.arange(rows), labels] + 1e-12).sum() + PENALTY / 2 * np.square(weights).sum()
        slope = turned @ (chance - wanted) + PENALTY * weights
        return float(cost), slope.ravel().astype(np.float64)

    options: Any = {"maxiter": ITERATIONS, "maxcor": 5}
    found = minimize(loss, np.zeros(width * classes), jac=True, method="L-BFGS-B", options=options)
    weights: Matrix = found.x.reshape(width, classes).astype(np.float32)
    return weights


def softmax(scores: Matrix) -> Matrix:
    """Probabilities, row by row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance: Matrix = raised / raised.sum(axis=1, keepdims=True)
    return chance


def doubtful() -> tuple[list[str], int, int]:
    """The doubtful messages, how many were taken for another emergency, and how many messages there are."""
    scenarios = load_scenarios()
    messages = [m for s in scenarios for m in s.messages]
    labels = np.array([k for k, s in enumerate(scenarios) for _ in s.messages])
    x = matrix(messages)
    order = np.array(Random("folds").sample(range(len(messages)), len(messages)))
    chance = np.empty((len(messages), len(scenarios)), np.float32)
    for fold in range(FOLDS):
        judged = order[fold::FOLDS]
        seen = np.setdiff1d(order, judged)
        chance[judged] = softmax(x[judged] @ fit(x[seen], labels[seen], len(scenarios)))
        sys.stderr.write(f"fold {fold + 1} of {FOLDS} judged\n")
    wrong = chance.argmax(axis=1) != labels
    unlikely = chance[np.arange(len(messages)), labels] < LEAST
    return [messages[i] for i in np.flatnonzero(wrong & unlikely)], int(wrong.sum()), len(messages)


def main() -> None:
    """Write the doubtful messages."""
    names, wrong, total = doubtful()
    DOUBTFUL.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    sys.stdout.write(f"{DOUBTFUL}: {len(names)} of {total} messages, {wrong} taken for another emergency\n")


if __name__ == "__main__":
    main()
