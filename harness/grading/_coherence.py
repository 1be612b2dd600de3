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
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._degenerate import is_word
from ._features import code_of
from ._weights import COHERENCE, weights, word_classes
from ._words import CACHED_WORDS, SMALL_WORDS, words

WINDOW, STEP = 40, 20
PAIR_BITS = 1 << 19
_STEM = 5
_FARTHEST = 6.0  # standard deviations; one odd word must not decide alone
_COARSE = 64
_ARTICLES, _COPULAS = words("the a"), words("is are")
_SMALL = {word: number for number, word in enumerate(sorted(SMALL_WORDS))}
_NUMBER, _UNKNOWN, EDGE = (len(_SMALL) + k for k in range(3))
CLASSES = EDGE + 1 + _COARSE
CHANCE_STEP = -1 / 8  # in which log probabilities are counted, one byte each: none is below -31

Floats = NDArray[np.float64]
_Codes = TypeVar("_Codes", int, NDArray[np.int64])


class _Word(NamedTuple):
    """What is measured of a word.

    Attributes:
        kind: Its class.
        code: Its hash.
        stem: What its forms share; empty for small words.
        strange: Whether it is no word of English.
    """

    form: str
    kind: int
    code: int
    stem: str
    strange: bool


@functools.lru_cache(maxsize=CACHED_WORDS)
def _word(form: str) -> _Word:
    alphabetic = form[:1].isalpha()
    content = alphabetic and form not in SMALL_WORDS and len(form) > 2
    return _Word(
        form,
        class_of(form),
        code_of(form),
        form[:_STEM] if content else "",
        alphabetic and not is_word(form),
    )


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
    return _bucket(code_of(left), code_of(right))


def _bucket(left: _Codes, right: _Codes) -> _Codes:
    return (left * 31 + right) % PAIR_BITS


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
        words = [_word(form) for form in forms if form[0].isalnum()] or [_word("")]
        names, kinds, codes, stems, strange = zip(*words, strict=True)
        near, far, usual = self._language
        pairs = list(pairwise(names))
        classes = np.array([EDGE, EDGE, *kinds])
        likely = near[classes[1:-1], classes[2:]] + far[classes[:-2], classes[2:]]
        code = np.array(codes)
        known: list[bool] = usual[_bucket(code[:-1], code[1:])].tolist()
        text = _Text(
            known=known,
            pairs=pairs,
            doubled=[left == right for left, right in pairs],
            of_the=[left == "of" and right in _ARTICLES for left, right in pairs],
            stems=stems,
            strange=strange,
            copulas=[name in _COPULAS for name in names],
        )
        size = min(WINDOW, len(words))
        last = len(words) - size
        starts = [*range(0, last, STEP), last]
        chances = np.stack([likely[k : k + size] for k in starts])
        least = np.sort(chances)[:, : max(1, size // 4)]
        return np.column_stack([chances.mean(1), least.mean(1), [text.measures(k, size) for k in starts]])


class _Text(NamedTuple):
    """What is counted in each window: one entry a word, or one a pair of neighbours."""

    known: list[bool]
    pairs: list[tuple[str, str]]
    doubled: list[bool]
    of_the: list[bool]
    stems: Sequence[str]
    strange: Sequence[bool]
    copulas: list[bool]

    def measures(self, start: int, size: int) -> list[float]:
        """Count in the window of ``size`` words from ``start`` on."""
        end = start + size
        counts = Counter(self.stems[start:end])
        content = size - counts.pop("", 0)
        many = max(1, content)
        joined = slice(start, end - 1)
        distinct = list(Counter(self.pairs[joined]).values())
        links = max(1, size - 1)
        return [
            self.known[start:end].count(False) / size,
            1 - len(counts) / many,
            max(counts.values(), default=0) / many,
            sum([n * n for n in counts.values()]) / many**2,
            sum(self.doubled[joined]) / links,
            (len(distinct) - distinct.count(1)) / max(1, len(distinct)),
            sum(self.of_the[joined]) / links,
            sum(self.strange[start:end]) / size,
            sum(self.copulas[start:end]) / size,
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
