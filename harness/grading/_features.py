"""Sentences to sparse features: what the clause analysis says of each word, hashed into a fixed range.

The features of a sentence are its base forms, with what the clause does with them (polarity and mode) and
in which scenario; neighbours and near pairs of content words; classes of words in place of the words; how
each clause opens; and what the checks say of it. Words and numbers only: no place in the reply, no length.
"""

import functools
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_triage.data import SCENARIOS, Scenario

from .._records import Finding
from ._view import View
from ._weights import word_classes
from ._words import CACHED_WORDS, SMALL_WORDS

_BITS = 20
WIDTH = 1 << _BITS
_REACH = 3  # content words that a pair may span
_SCENARIO = {name: number + 1 for number, name in enumerate(SCENARIOS)}
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
_SHIFT = np.uint64(29)
_UNUSED = np.uint64(64 - _BITS)

Codes = NDArray[np.uint64]
Ints = NDArray[np.int64]

_NONE: Ints = np.zeros(0, dtype=np.int64)
_ONE, _TWO = np.uint64(1), np.uint64(2)
# First template of pairs, and of single ones, by run: words, their fine classes, their coarse classes.
_PAIRS: Codes = np.array([10, 23, 33], dtype=np.uint64)
_CLASSES: Codes = np.array([0, 20, 30], dtype=np.uint64)


class Features(NamedTuple):
    """The features of the sentences, or of the clauses, of one text.

    Attributes:
        row: Index of the sentence or clause, for each feature.
        bucket: The feature itself, below ``WIDTH``; each occurs once a row.
        rows: How many sentences or clauses the text has.
    """

    row: Ints
    bucket: Ints
    rows: int

    def of(self, row: int) -> Ints:
        """Return the features of one row."""
        mine: Ints = self.bucket[self.row == row]
        return mine


class Word(NamedTuple):
    """What a base form is to the models.

    Attributes:
        name: The form, or for a number its size.
        code: Hash of the name.
        fine: Its class of about 1,000, from 1; 0 for a word without one.
        coarse: Its class of 256, likewise.
        content: Whether it is more than a small word.
    """

    name: str
    code: int
    fine: int
    coarse: int
    content: bool


@functools.lru_cache(maxsize=CACHED_WORDS)
def word_of(form: str) -> Word:
    """Return what a base form is; numbers are alike within a factor of about 1.4."""
    if form[0].isdigit():
        try:
            size = round(2 * float(np.log2(float(form.replace(",", "")) + 1)))
        except (ValueError, OverflowError):
            size = 0
        return Word(f"#{size}", code_of(f"#{size}"), 0, 0, True)
    fine, coarse = word_classes().get(form, (0, 0))
    return Word(form, code_of(form), fine, coarse, form not in SMALL_WORDS)


@functools.lru_cache(maxsize=CACHED_WORDS)
def code_of(text: str) -> int:
    """Return a stable 32-bit code of a word."""
    return zlib.crc32(text.encode())


class _Collected:
    """Features as they come, so that all are hashed at once."""

    def __init__(self) -> None:
        self._found: list[tuple[Ints, tuple[Codes | int, ...]]] = []

    def add(self, clause: Ints, template: Codes | int, *parts: Codes | int) -> None:
        """Take features up: the clause that each belongs to, the numbers of their templates, their parts."""
        if len(clause):
            self._found.append((clause, (template, *parts)))

    def hashed(self) -> tuple[Ints, Ints]:
        """Return the clause and the bucket of each feature.

        The number of its template and its parts are mixed into 64 bits, of which the highest are kept.
        """
        if not self._found:
            return _NONE, _NONE
        found = sorted(self._found, key=lambda one: len(one[1]), reverse=True)
        clauses = np.concatenate([clause for clause, _ in found])
        mixed = np.empty((len(found[0][1]), len(clauses)), dtype=np.uint64)
        # Those with the most parts come first, so each part is of the first so many.
        filled = [0] * len(mixed)
        start = 0
        for clause, parts in found:
            end = start + len(clause)
            for row, part in enumerate(parts):
                mixed[row, start:end] = part
                filled[row] = end
            start = end
        value = mixed[0] * _MIX[0]
        for part, size in zip(mixed[1:], filled[1:], strict=True):
            some = value[:size]
            some ^= part[:size]
            some *= _MIX[1]
            some ^= some >> _SHIFT
        value *= _MIX[2]
        return clauses, (value >> _UNUSED).astype(np.int64)


class Reader:
    """Collects the features of one reply.

    Args:
        view: The reply, analysed.
        scenario: The scenario that it is graded in, if known.
        said: What the checks say of its clauses, as ``marks`` tells; empty to leave the checks out.
    """

    def __init__(self, view: View, scenario: Scenario | None, said: Iterable[tuple[int, str]]):
        found = _Collected()
        _of_words(view, _SCENARIO[scenario] if scenario else 0, found)
        _of_clauses(view, found)
        _of_checks(said, found)
        self._view = view
        self._clause, self._bucket = found.hashed()

    def sentences(self) -> Features:
        """Return the features of each sentence."""
        sentence_of = np.array([clause.sentence for clause in self._view.clauses], dtype=np.int64)
        rows = sentence_of[self._clause] if len(sentence_of) else self._clause
        return _distinct(rows, self._bucket, len(self._view.analysis.sentences))

    def clauses(self) -> Features:
        """Return the features of each clause."""
        return _distinct(self._clause, self._bucket, len(self._view.clauses))


def _distinct(row: Ints, bucket: Ints, rows: int) -> Features:
    keys = np.sort((row << _BITS) | bucket)  # np.unique is ten times slower on so few
    fresh = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
    keys = keys[fresh]
    return Features(keys >> _BITS, keys & (WIDTH - 1), rows)


def _of_words(view: View, scenario: int, found: _Collected) -> None:
    tokens, clause_of, states = view.tokens, view.analysis.clause_of, view.states
    at = [k for k, form in enumerate(tokens.forms) if clause_of[k] >= 0 and form[0].isalnum()]
    if not at:
        return
    _, codes, fine, coarse, content = zip(*[word_of(tokens.lemmas[k]) for k in at], strict=True)
    names = np.array([codes, fine, coarse], dtype=np.uint64)
    code = names[0]
    form = np.array([code_of(tokens.forms[k]) for k in at], dtype=np.uint64)
    clause = np.array([clause_of[k] for k in at])
    state = np.array([states[k] for k in at], dtype=np.uint64)
    found.add(clause, 1, code)
    found.add(clause, 2, code, state)
    found.add(clause, 3, form)
    found.add(clause, 4, code, state, scenario)
    found.add(clause, 5, code, scenario)
    near = clause[1:] == clause[:-1]
    found.add(clause[1:][near], 6, code[:-1][near], code[1:][near])
    first = np.concatenate([[True], ~near])
    found.add(clause[first], 7, code[first], state[first])
    pair = first[:-1] & near
    found.add(clause[:-1][pair], 8, code[:-1][pair], code[1:][pair], state[:-1][pair])
    triple = pair[:-1] & near[1:]
    found.add(clause[:-2][triple], 9, code[:-2][triple], code[1:-1][triple], code[2:][triple])
    # Content words themselves, those with a fine class, those with a coarse one: a run of each, in order.
    named = (names > 0) & np.array(content)
    named[0] = content
    run, place = named.nonzero()
    words = _Runs(run, names[named], state[place], clause[place])
    _of_classes(words, scenario, found)
    _of_pairs(words, scenario, found)


class _Runs(NamedTuple):
    """Words in reading order, run by run.

    Attributes:
        run: Which run each word belongs to, by its place in ``_PAIRS``.
        code: What stands for the word in it.
        state: What is done with the word.
        clause: Its clause.
    """

    run: Ints
    code: Codes
    state: Codes
    clause: Ints


def _of_classes(words: _Runs, scenario: int, found: _Collected) -> None:
    """Classes in the place of words."""
    start = np.searchsorted(words.run, 1)
    template, code = _CLASSES[words.run[start:]], words.code[start:]
    state, clause = words.state[start:], words.clause[start:]
    found.add(clause, template, code)
    found.add(clause, template + _ONE, code, state)
    found.add(clause, template + _TWO, code, state, scenario)


def _of_pairs(words: _Runs, scenario: int, found: _Collected) -> None:
    """Pairs of words of one clause and run, in order, at most ``_REACH`` apart."""
    run, code, state, clause = words
    place = clause * len(_PAIRS) + run
    lefts = [np.flatnonzero(place[by:] == place[:-by]) for by in range(1, _REACH + 1)]
    left = np.concatenate(lefts)
    right = np.concatenate([one + by for by, one in enumerate(lefts, start=1)])
    template, parts = _PAIRS[run[left]], (code[left], code[right], state[left])
    found.add(clause[left], template, *parts)
    found.add(clause[left], template + _ONE, *parts, scenario)


def _of_clauses(view: View, found: _Collected) -> None:
    codes: list[int] = []
    for clause in view.clauses:
        sentence = view.analysis.sentences[clause.sentence]
        codes += _opening(clause.mode, sentence.rule, clause.opener, sentence.question, sentence.is_item)
    where = np.repeat(np.arange(len(view.clauses)), len(_opening("main", "", "", False, False)))
    found.add(where, 40, np.array(codes, dtype=np.uint64))


@functools.lru_cache(maxsize=CACHED_WORDS)
def _opening(mode: str, rule: str, opener: str, question: bool, is_item: bool) -> tuple[int, ...]:
    """Return the codes of how a clause opens, and of what sentence it is in."""
    kind = f"{mode} {rule}"
    return tuple(map(code_of, (kind, f"{kind} {opener}", f"{question} {is_item} {kind}")))


def _of_checks(said: Iterable[tuple[int, str]], found: _Collected) -> None:
    where, codes = [], []
    for clause, mark in said:
        where.append(clause)
        codes.append(code_of(mark))
    found.add(np.array(where, dtype=np.int64), 50, np.array(codes, dtype=np.uint64))


def marks(view: View, findings: Iterable[Finding]) -> Iterator[tuple[int, str]]:
    """Yield what the checks say of each clause: the acts that stand in it and how, and what was found."""
    for number, matches in view.matches.items():
        check = view.index.checks[number]
        for match in matches:
            minor = check.severity == "minor"
            stance = f"{check.kind} {minor} {view.stance(match)} {view.applies(number, match)}"
            yield match.clause, stance
            yield match.clause, f"{stance} {check.id}"
    for finding in findings:
        minor = finding.severity == "minor"
        for clause in view.clauses_at(finding.start, finding.end):
            yield clause, f"{finding.kind} {minor}"
            yield clause, f"{finding.kind} {minor} {finding.check}"
