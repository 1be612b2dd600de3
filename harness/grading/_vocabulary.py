"""Which words of a text stand for which slot of which pattern."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from quant_triage.rubrics import Slot, parse_slot

from ._text import tokenise
from ._words import words

Span = tuple[int, int]

_SKIPPED = words("the a an your their his her its any some of this that")
_NONE: frozenset[int] = frozenset()


@dataclass(slots=True)
class Hits:
    """The slots that occur in a stretch of text.

    Attributes:
        present: Their numbers.
        terms: Each word or phrase that was found: the slots that it stands for, and its span of tokens.
    """

    present: frozenset[int]
    terms: list[tuple[frozenset[int], Span]]
    _spans: dict[int, list[Span]] = field(default_factory=dict)

    def spans(self, slot: int) -> list[Span]:
        """Return where a slot occurs, in reading order."""
        found = self._spans.get(slot)
        if found is None:
            found = self._spans[slot] = [span for slots, span in self.terms if slot in slots]
        return found


class Vocabulary:
    """Numbers slots, and finds which of them occur at a token."""

    def __init__(self, sets: dict[str, tuple[str, ...]]):
        self._sets = sets
        self._numbers: dict[Slot, int] = {}
        self.sizes: list[int] = []
        self._words: dict[str, frozenset[int]] = {}
        self._forms: dict[str, frozenset[int]] = {}
        self._phrases: dict[str, dict[tuple[str, ...], frozenset[int]]] = defaultdict(dict)

    def number(self, slot: Slot) -> int:
        """Return the slot's number, taking it up if it is new."""
        known = self._numbers.get(slot)
        if known is not None:
            return known
        number = self._numbers[slot] = len(self._numbers)
        entries = sorted(self.expand(slot))
        self.sizes.append(len(entries))
        for entry in entries:
            if entry.startswith("="):
                self._forms[entry[1:]] = self._forms.get(entry[1:], _NONE) | {number}
                continue
            first, *rest = tokenise(entry).lemmas
            if rest:
                phrases = self._phrases[first]
                phrases[tuple(rest)] = phrases.get(tuple(rest), _NONE) | {number}
            else:
                self._words[first] = self._words.get(first, _NONE) | {number}
        return number

    def expand(self, slot: Slot) -> set[str]:
        """Return every word and phrase of a slot, its synonym sets resolved."""
        entries = set(slot.words)
        for name in slot.sets:
            for entry in self._sets[name]:
                entries |= self.expand(parse_slot(entry))
        return entries

    def find(self, forms: Sequence[str], lemmas: Sequence[str], start: int, end: int) -> Hits:
        """Return the slots that occur in the tokens from ``start`` to ``end``."""
        terms: list[tuple[frozenset[int], Span]] = []
        for index in range(start, end):
            lemma, form = lemmas[index], forms[index]
            single, exact, phrases = self._words.get(lemma), self._forms.get(form), self._phrases.get(lemma)
            if index > start and lemmas[index - 1] == "non":
                continue  # "non-alcoholic" is no alcohol
            if single is not None:
                terms.append((single, (index, index + 1)))
            if exact is not None:
                terms.append((exact, (index, index + 1)))
            if phrases is not None:
                after = _first_words(lemmas, index + 1, end)
                for rest, slots in phrases.items():
                    stop = _phrase_end(lemmas, rest, index + 1, end) if rest[0] in after else -1
                    if stop > 0:
                        terms.append((slots, (index, stop)))
        return Hits(_NONE.union(*[slots for slots, _ in terms]), terms)


def _first_words(lemmas: Sequence[str], at: int, end: int) -> Sequence[str]:
    """Return the words with which the rest of a phrase may begin: the next, or what articles lead to."""
    stop = at
    while stop < end and lemmas[stop] in _SKIPPED:
        stop += 1
    return lemmas[at : min(stop + 1, end)]


def _phrase_end(lemmas: Sequence[str], rest: tuple[str, ...], at: int, end: int) -> int:
    """Return the end of a phrase whose first word stands before ``at``, or -1; articles are skipped."""
    for word in rest:
        while at < end and lemmas[at] != word and lemmas[at] in _SKIPPED:
            at += 1
        if at >= end or lemmas[at] != word:
            return -1
        at += 1
    return at
