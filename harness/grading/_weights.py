"""The trained weights beside the rules: read once, from this package."""

import functools
import hashlib
import io
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

FOLDER = "model"
WORDS, DETECTOR, NETWORK = "words.npz", "detector.npz", "network.npz"
COHERENCE, TOPICS = "coherence.npz", "topics.npz"

Arrays = dict[str, NDArray[np.generic]]


def _bytes(name: str) -> bytes:
    return (files(__package__) / FOLDER / name).read_bytes()


def weights(name: str) -> Arrays:
    """Return the arrays of one file of weights."""
    with np.load(io.BytesIO(_bytes(name)), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


@functools.cache
def model_sha256() -> str:
    """Hash over every file of weights; part of the grader's identity."""
    files_of_weights = (WORDS, DETECTOR, NETWORK, COHERENCE, TOPICS)
    return hashlib.sha256(b"".join(_bytes(name) for name in files_of_weights)).hexdigest()


@functools.cache
def word_classes() -> dict[str, tuple[int, int]]:
    """Return the classes of frequent words: a fine one (of about 1,000) and a coarse one (of 256), from 1.

    They are the Brown clusters that spaCy's look-up data carry: words that stand in like places.
    """
    stored = weights(WORDS)
    names = str(stored["names"]).split(" ")
    return {
        name: (int(fine) + 1, (int(fine) & 255) + 1)
        for name, fine in zip(names, stored["classes"], strict=True)
    }
