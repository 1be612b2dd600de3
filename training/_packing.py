"""Documents as rows of tokens, ready for training. Imports no torch: every worker process imports it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._asking import Part
from ._corpus import documents
from ._tokenizer import Encoder

Rows = np.ndarray[Any, np.dtype[np.int32]]


def make_rows(job: tuple[bytes, int, int, int, int, Part]) -> Rows:
    """One shard as rows of whole documents; the last document of a row is cut where the row ends."""
    tokenizer, seed, shard, count, width, part = job
    encoder = Encoder(tokenizer)
    rows: list[list[int]] = [[]]
    for document in documents(seed, shard, count, part):
        if len(rows[-1]) >= width + 1:
            rows[-1] = rows[-1][: width + 1]
            rows.append([])
        rows[-1] += encoder.chat(document.turns) if document.turns else encoder.text(document.text)
    return np.array([row[: width + 1] for row in rows if len(row) > width], dtype=np.int32)


def texts_for_tokenizer(seed: int, count: int) -> list[str]:
    """The texts of the first shard's first documents."""
    found: list[str] = []
    for document in documents(seed, 0, count):
        found += [text for turn in document.turns for text in turn]
        found += [document.text] if document.text else []
    return found
