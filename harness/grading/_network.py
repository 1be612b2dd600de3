"""A small convolutional network that reads a sentence's words in their order.

The detector weighs words and pairs of words; the network sees what stands around what. Each word comes with
what the clause analysis makes of it, each sentence with what the checks say of it. A sentence is read by
itself: neither its place in the reply nor its neighbours count. ``fit`` trains it.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from quant_triage.data import SCENARIOS, Scenario

from ._features import word_of
from ._view import View

UNKNOWN = 0  # the id of a word, class or mark that training did not see often
REACH = 2  # words to each side that one convolution sees
STEEP = 8.0  # of a word's attention, at most
_EPSILON = np.float32(1e-5)
_HALF, _LINEAR, _CUBIC = np.float32(0.5), np.float32(0.7978845608), np.float32(0.7978845608 * 0.044715)

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Spelled(NamedTuple):
    """One sentence, spelt out.

    Attributes:
        words: Base forms, punctuation included; numbers by their size.
        kinds: The class of each word.
        states: What its clause does with it.
        opens: 1 where a clause begins within the sentence, else 0.
        marks: What the checks say of the sentence.
    """

    words: tuple[str, ...]
    kinds: tuple[int, ...]
    states: tuple[int, ...]
    opens: tuple[int, ...]
    marks: tuple[str, ...]


class Lines(NamedTuple):
    """Sentences as numbers, one after the other.

    Attributes:
        words: Id, class, state and opening of each word, shape ``(words, 4)``.
        sizes: How many words each sentence has.
        marks: Ids of the marks.
        counts: How many marks each sentence has.
    """

    words: Ints
    sizes: Ints
    marks: Ints
    counts: Ints

    def only(self, kept: NDArray[np.bool_]) -> "Lines":
        """Return some of the sentences."""
        return Lines(
            self.words[np.repeat(kept, self.sizes)],
            self.sizes[kept],
            self.marks[np.repeat(kept, self.counts)],
            self.counts[kept],
        )


def spell(view: View, said: Iterable[tuple[int, str]], only: Sequence[int]) -> Iterator[Spelled]:
    """Yield those sentences of a reply whose indices are in ``only``; ``said`` is what ``marks`` tells."""
    analysis, tokens = view.analysis, view.tokens
    marks: dict[int, set[str]] = {sentence: set() for sentence in only}
    for clause, mark in said:
        of = view.clauses[clause].sentence
        if of in marks:
            marks[of].add(mark)
    states = view.states
    for number in only:
        sentence = analysis.sentences[number]
        at = [k for k in range(sentence.start, sentence.end) if analysis.clause_of[k] >= 0]
        found = [word_of(tokens.lemmas[k]) for k in at]
        clauses = [analysis.clause_of[k] for k in at]
        yield Spelled(
            tuple(word.name for word in found),
            tuple(word.fine for word in found),
            tuple(states[k] for k in at),
            tuple(int(left != right) for left, right in zip([*clauses[:1], *clauses], clauses, strict=False)),
            tuple(sorted(marks[number])),
        )


class Lexicon:
    """The words, classes and marks that the network knows, by number from 1."""

    def __init__(self, words: Sequence[str], kinds: Sequence[int], marks: Sequence[str]):
        self.words = {word: number + 1 for number, word in enumerate(words)}
        self.kinds = {kind: number + 1 for number, kind in enumerate(kinds)}
        self.marks = {mark: number + 1 for number, mark in enumerate(marks)}

    def read(self, sentences: Iterable[Spelled]) -> Lines:
        """Return sentences as numbers."""
        columns: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
        words, kinds, states, opens = columns
        known: list[int] = []
        sizes, counts = [], []
        for one in sentences:
            words += [self.words.get(word, UNKNOWN) for word in one.words]
            kinds += [self.kinds.get(kind, UNKNOWN) for kind in one.kinds]
            states += one.states
            opens += one.opens
            mine = [self.marks[mark] for mark in one.marks if mark in self.marks]
            known += mine
            sizes.append(len(one.words))
            counts.append(len(mine))
        return Lines(
            np.array(columns, dtype=np.int64).T,
            np.array(sizes, dtype=np.int64),
            np.array(known, dtype=np.int64),
            np.array(counts, dtype=np.int64),
        )


class Network:
    """Scores sentences; positive is more likely dangerous than not.

    Args:
        lexicon: What its numbers stand for.
        tensors: Its weights by name, as ``_network_fit`` lays them out.
    """

    def __init__(self, lexicon: Lexicon, tensors: dict[str, Floats]):
        self.lexicon = lexicon
        self._of = tensors
        self._layers = sum(name.startswith("scale_") for name in tensors)

    def scores(self, lines: Lines, scenario: Scenario) -> Floats:
        """Return one score a sentence, of shape ``(sentences,)``; 0 for one without words."""
        scores = np.zeros(len(lines.sizes), dtype=np.float32)
        some = np.flatnonzero(lines.sizes)
        if len(some):
            # Products so small only lose by being divided among threads.
            with _threads().limit(limits=1, user_api="blas"):
                scores[some] = self._scores(lines, some, SCENARIOS.index(scenario))
        return scores

    def _scores(self, lines: Lines, some: Ints, number: int) -> Floats:
        """Score the sentences that have words."""
        of = self._of
        sizes = lines.sizes[some]
        first = np.cumsum(sizes) - sizes
        hidden = self._read(lines.words, sizes, number)
        weight = np.exp(np.clip(hidden @ of["attention"] + of["attention_bias"], -STEEP, STEEP))
        mean = np.add.reduceat(hidden * weight[:, None], first) / np.add.reduceat(weight, first)[:, None]
        most = np.maximum.reduceat(hidden, first)
        said = np.zeros((len(lines.sizes), of["mark"].shape[1]), dtype=np.float32)
        np.add.at(said, np.repeat(np.arange(len(lines.counts)), lines.counts), of["mark"][lines.marks])
        context = said[some] @ of["said"] + of["topic"][number]
        pooled = np.concatenate([most, mean, context], axis=1)
        scores: Floats = gelu(pooled @ of["inner"] + of["inner_bias"]) @ of["outer"] + of["outer_bias"]
        return scores

    def _read(self, words: Ints, sizes: Ints, scenario: int) -> Floats:
        """Return what each word is in its surroundings, of shape ``(words, width)``."""
        of = self._of
        word, kind, state, opens = words.T
        seen = of["word"][word] + of["kind"][kind]
        seen = seen * (1 + of["gate"][state] + of["topic_gate"][scenario])
        seen += of["state"][state] + of["opens"][opens] + of["topic_word"][scenario]
        hidden = gelu(seen @ of["enter"] + of["enter_bias"])
        # Sentences stand apart by as many zeros as a convolution reaches, so none sees its neighbours.
        place = np.arange(len(word)) + REACH * np.repeat(np.arange(1, len(sizes) + 1), sizes)
        around = place[:, None] + np.arange(-REACH, REACH + 1)
        apart = np.zeros((len(word) + REACH * (len(sizes) + 1), hidden.shape[1]), dtype=np.float32)
        for layer in range(self._layers):
            apart[place] = _normed(hidden, of[f"scale_{layer}"], of[f"shift_{layer}"])
            row = apart[around].reshape(len(word), -1)
            hidden = hidden + gelu(row @ of[f"convolution_{layer}"] + of[f"convolution_bias_{layer}"])
        return hidden


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def gelu(values: Floats) -> Floats:
    """Gaussian error linear unit by its tanh formula (D. Hendrycks and K. Gimpel, 2016)."""
    unit = values * values
    unit *= _CUBIC
    unit += _LINEAR
    unit *= values
    np.tanh(unit, out=unit)
    unit += 1
    unit *= values
    unit *= _HALF
    return unit


def _normed(values: Floats, scale: Floats, shift: Floats) -> Floats:
    """Layer normalisation (J. L. Ba and others, 2016)."""
    width = np.float32(values.shape[1])
    centred: Floats = values - np.einsum("ij->i", values)[:, None] / width
    spread = np.einsum("ij,ij->i", centred, centred)[:, None] / width
    centred *= np.float32(1) / np.sqrt(spread + _EPSILON)
    centred *= scale
    centred += shift
    return centred
