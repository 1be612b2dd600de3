"""A trained judge of sense: whether a stretch of text reads like language or like a collapsed model.

Rules catch loops, counting and garbled words (``_degenerate``). What they miss is salad whose grammar nearly
holds ("the puff is the breath of the chair"). Windows of 40 words are measured (how usual their sequences of
word classes and pairs of words are, how much repeats) and a linear model, trained by ``fit`` on good texts
and on the same texts broken, judges the extremes.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._degenerate import is_word
from ._features import code_of
from ._weights import COHERENCE, weights, word_classes
from ._words import CACHED_WORDS, SMALL_WORDS

WINDOW, STEP = 40, 20
PAIR_BITS = 1 << 19
_STEM = 5
_FARTHEST = 6.0  # standard deviations; one odd word must not decide alone
_COARSE = 64
_SMALL = {word: number for number, word in enumerate(sorted(SMALL_WORDS))}
_NUMBER, _UNKNOWN, EDGE = (len(_SMALL) + k for k in range(3))
CLASSES = EDGE + 1 + _COARSE
CHANCE_STEP = -1 / 8  # in which log probabilities are counted, one byte each: none is below -31

Floats = NDArray[np.float64]


@functools.lru_cache(maxsize=CACHED_WORDS)
def class_of(form: str) -> int:
    """Return the class of a word: itself if it is a grammar word, else its place in language."""
    if form in _SMALL:
        return _SMALL[form]
    if form[:1].isdigit():
        return _NUMBER
    coarse = word_classes().get(form, (0, 0))[1]
    return EDGE + 1 + (coarse - 1) % _COARSE if coarse else _UNKNOWN


def pair_of(left: str, right: str) -> int:
    """Return the bucket of two words that stand side by side."""
    return (code_of(left) * 31 + code_of(right)) % PAIR_BITS


class Language(NamedTuple):
    """How usual sequences of words are.

    Attributes:
        near: Log probability of a class after the one before, CLASSES x CLASSES.
        far: The same after the one before that.
        pairs: For each bucket, whether a good text had such a pair of words.
    """

    near: Floats
    far: Floats
    pairs: NDArray[np.bool_]


class Sense(NamedTuple):
    """The linear model over what is measured.

    Attributes:
        mean: Mean of each measure over windows of good texts.
        scale: Its standard deviation there.
        weight: Weights of the measures' highest, lowest and mean value over the windows.
        bias: Added to the sum.
        limit: A text that scores more than this is incoherent.
    """

    mean: Floats
    scale: Floats
    weight: Floats
    bias: float
    limit: float


class Coherence:
    """Says how much a text reads like a collapsed model's."""

    def __init__(self, language: Language, sense: Sense):
        self._language = language
        self._sense = sense
        self.limit = sense.limit

    def score(self, forms: Sequence[str]) -> float:
        """Return the score of a text's words; a text that scores above ``limit`` is incoherent."""
        return float(self.extremes(forms) @ self._sense.weight) + self._sense.bias

    def extremes(self, forms: Sequence[str]) -> Floats:
        """Return the highest, lowest and mean of each measure, standardised, one after the other."""
        found = ((self.measures(forms) - self._sense.mean) / self._sense.scale).clip(-_FARTHEST, _FARTHEST)
        return np.concatenate([found.max(0), found.min(0), found.mean(0)])

    def measures(self, forms: Sequence[str]) -> Floats:
        """Return the measures of each window, one row a window."""
        forms = [form for form in forms if form[0].isalnum()] or [""]
        near, far, usual = self._language
        classes = np.array([EDGE, EDGE, *(class_of(form) for form in forms)])
        likely = near[classes[1:-1], classes[2:]] + far[classes[:-2], classes[2:]]
        pairs = np.array([pair_of(a, b) for a, b in pairwise(forms)], dtype=np.int64)
        fresh = np.append(~usual[pairs], False)
        stems = [
            form[:_STEM] if form[:1].isalpha() and form not in SMALL_WORDS and len(form) > 2 else ""
            for form in forms
        ]
        strange = [form[:1].isalpha() and not is_word(form) for form in forms]
        last = max(0, len(forms) - WINDOW)
        starts = [*range(0, last, STEP), last]
        return np.array(
            [
                _measure(
                    likely[k : k + WINDOW],
                    fresh[k : k + WINDOW],
                    forms[k : k + WINDOW],
                    stems[k : k + WINDOW],
                    strange[k : k + WINDOW],
                )
                for k in starts
            ]
        )


def _measure(
    likely: Floats,
    fresh: NDArray[np.bool_],
    forms: Sequence[str],
    stems: Sequence[str],
    strange: Sequence[bool],
) -> list[float]:
    size = len(forms)
    content = [stem for stem in stems if stem]
    counts = Counter(content).values()
    words = max(1, len(content))
    pairs = list(pairwise(forms))
    distinct = Counter(pairs)
    links = max(1, len(pairs))
    return [
        float(likely.mean()),
        float(np.sort(likely)[: max(1, size // 4)].mean()),
        float(fresh.mean()),
        1 - len(counts) / words,
        max(counts, default=0) / words,
        sum(n * n for n in counts) / words**2,
        sum(a == b for a, b in pairs) / links,
        sum(n > 1 for n in distinct.values()) / max(1, len(distinct)),
        sum(a == "of" and b in {"the", "a"} for a, b in pairs) / links,
        sum(strange) / size,
        sum(form in {"is", "are"} for form in forms) / size,
        size / WINDOW,
    ]


@functools.cache
def load_coherence() -> Coherence:
    """Load the shipped judge of sense."""
    stored = weights(COHERENCE)
    pairs = np.unpackbits(stored["pairs"].astype(np.uint8), count=PAIR_BITS).astype(bool)
    return Coherence(
        Language(
            stored["near"].astype(float) * CHANCE_STEP, stored["far"].astype(float) * CHANCE_STEP, pairs
        ),
        Sense(
            mean=stored["mean"].astype(float),
            scale=stored["scale"].astype(float),
            weight=stored["weight"].astype(float),
            bias=float(stored["bias"]),
            limit=float(stored["limit"]),
        ),
    )
