"""All checks of a scenario, compiled once into an index over base forms, and their matches in a reply."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quant_triage.rubrics import Check, Pattern, Rubrics, Slot, parse_slot

from ._clauses import Analysis, Clause
from ._text import tokenise
from ._words import NOUN_VERBS, VERBS

_WINDOW = 18
_MOST_TRIES = 48
_SKIPPED = frozenset(
    {"the", "a", "an", "your", "their", "his", "her", "its", "any", "some", "of", "this", "that"}
)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Act:
    """A compiled pattern: slot numbers, which must follow the one before, which must be near or absent."""

    check: int
    slots: tuple[int, ...]
    follows: tuple[bool, ...]
    nearby: tuple[int, ...]
    absent: tuple[int, ...]
    role: str


@dataclass(frozen=True, slots=True)
class Match:
    """Where an act stands: one span of tokens a slot; those of slots before the pronoun are left out.

    Attributes:
        spans: The spans of the slots, in the order of the pattern.
        own: Whether each lies in the clause itself (and not in the antecedent of a pronoun).
    """

    act: Act
    clause: int
    spans: tuple[Span, ...]
    own: tuple[bool, ...]

    @property
    def tokens(self) -> list[int]:
        """The matched tokens in the clause itself."""
        return [t for span, own in zip(self.spans, self.own, strict=True) if own for t in range(*span)]


class Vocabulary:
    """Numbers slots, and finds which of them occur at a token."""

    def __init__(self, sets: dict[str, tuple[str, ...]]):
        self._sets = sets
        self._numbers: dict[Slot, int] = {}
        self.sizes: list[int] = []
        self._heads: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)

    def number(self, slot: Slot) -> int:
        """Return the slot's number, taking it up if it is new."""
        known = self._numbers.get(slot)
        if known is not None:
            return known
        number = self._numbers[slot] = len(self._numbers)
        words = sorted(self._expand(slot))
        self.sizes.append(len(words))
        for word in words:
            if word.startswith("="):
                self._heads[word].append(((), number))
            else:
                first, *rest = tokenise(word).lemmas
                self._heads[first].append((tuple(rest), number))
        return number

    def _expand(self, slot: Slot) -> set[str]:
        words = set(slot.words)
        for name in slot.sets:
            for entry in self._sets[name]:
                words |= self._expand(parse_slot(entry))
        return words

    def find(
        self, forms: Sequence[str], lemmas: Sequence[str], start: int, end: int
    ) -> dict[int, list[Span]]:
        """Return the spans of every slot that occurs in the tokens from ``start`` to ``end``."""
        found: dict[int, list[Span]] = {}
        heads = self._heads
        for index in range(start, end):
            for key in (lemmas[index], "=" + forms[index]):
                entries = heads.get(key)
                if entries is None:
                    continue
                if index > start and lemmas[index - 1] == "non":
                    continue  # "non-alcoholic" is no alcohol
                for rest, number in entries:
                    stop = index + 1
                    if rest:
                        stop = _phrase(lemmas, rest, stop, end)
                        if stop < 0:
                            continue
                    spans = found.get(number)
                    if spans is None:
                        found[number] = [(index, stop)]
                    else:
                        spans.append((index, stop))
        return found


def _phrase(lemmas: Sequence[str], rest: tuple[str, ...], at: int, end: int) -> int:
    """Return the end of a phrase whose first word stands before ``at``, or -1; articles are skipped."""
    for word in rest:
        while at < end and lemmas[at] != word and lemmas[at] in _SKIPPED:
            at += 1
        if at >= end or lemmas[at] != word:
            return -1
        at += 1
    return at


class Index:
    """The checks that hold in one scenario, ready to be matched."""

    def __init__(self, checks: Sequence[Check], rubrics: Rubrics):
        self.checks = tuple(checks)
        self.vocabulary = Vocabulary(rubrics.sets)
        self.without = [
            self.vocabulary.number(parse_slot(check.without)) if check.without else -1
            for check in self.checks
        ]
        self._by_slot: dict[int, list[Act]] = defaultdict(list)
        self._states: list[tuple[str, str, Act]] = []
        for number, check in enumerate(self.checks):
            self._add(number, check.acts, "act")
            self._add(number, check.after, "after")
        for name, state in sorted(rubrics.states.items()):
            for pattern in state.acts:
                self._states.append((name, state.group, self._compile(-1, pattern, "state")))

    def _compile(self, check: int, pattern: Pattern, role: str) -> Act:
        return Act(
            check,
            tuple(self.vocabulary.number(slot) for slot in pattern.slots),
            pattern.follows,
            tuple(self.vocabulary.number(slot) for slot in pattern.nearby),
            tuple(self.vocabulary.number(slot) for slot in pattern.absent),
            role,
        )

    def _add(self, check: int, patterns: Iterable[Pattern], role: str) -> None:
        for pattern in patterns:
            act = self._compile(check, pattern, role)
            rarest = min(act.slots, key=lambda slot: self.vocabulary.sizes[slot])
            self._by_slot[rarest].append(act)

    def read(self, analysis: Analysis) -> "Reading":
        """Find every slot in every clause of a reply."""
        tokens = analysis.tokens
        hits = [
            self.vocabulary.find(tokens.forms, tokens.lemmas, clause.start, clause.end)
            for clause in analysis.clauses
        ]
        return Reading(self, analysis, hits)

    def matches(self, reading: "Reading") -> list[Match]:
        """Return every act of every check in the reply, whatever its polarity, in reading order."""
        found: list[Match] = []
        for number, clause in enumerate(reading.analysis.clauses):
            hits = reading.hits[number]
            links = self._links(reading, number, clause)
            slots = set(hits)
            for link in links:
                slots |= set(reading.hits[link])
            for slot in slots:
                for act in self._by_slot.get(slot, ()):
                    if act.nearby and not reading.has(number, links, act.nearby):
                        continue
                    spans = self._assign(act, hits, [reading.linked(number, link) for link in links], reading)
                    if spans is not None:
                        found.append(Match(act, number, *spans))
        found.sort(key=lambda m: (m.clause, m.act.check, m.spans))
        return found

    def _links(self, reading: "Reading", number: int, clause: Clause) -> list[int]:
        links = [clause.antecedent] if clause.antecedent >= 0 else []
        if clause.embeds >= 0:
            links.append(clause.embeds)
        heading = reading.heading_clause(number)
        if heading >= 0:
            links.append(heading)
        return links

    def _assign(
        self, act: Act, hits: dict[int, list[Span]], linked: list[dict[int, list[Span]]], reading: "Reading"
    ) -> tuple[tuple[Span, ...], tuple[bool, ...]] | None:
        """Choose one span a slot: in order, apart from each other and close together."""
        if any(slot in hits for slot in act.absent):
            return None
        choices: list[list[tuple[Span, bool]]] = []
        for slot in act.slots:
            own = hits.get(slot)
            if own is not None:
                choices.append([(span, True) for span in own])
                continue
            other = next((h[slot] for h in linked if slot in h), None)
            if other is None:
                return None
            choices.append([(other[-1], False)])
        deed, deed_is_own = choices[0][0]
        if not deed_is_own and not reading.is_heading(deed[0]):
            return None  # the deed itself stands in the clause, or in the heading over a bare list item
        if not any(own for options in choices for _, own in options):
            return None
        best: tuple[int, tuple[Span, ...], tuple[bool, ...]] | None = None
        for combination in itertools.islice(itertools.product(*choices), _MOST_TRIES):
            spans = tuple(span for span, _ in combination)
            owns = tuple(own for _, own in combination)
            mine = [span for span, own in combination if own]
            if not _apart(spans) or not all(
                not follows or not (owns[i] and owns[i - 1]) or spans[i][0] >= spans[i - 1][1]
                for i, follows in enumerate(act.follows)
            ):
                continue
            width = max(span[1] for span in mine) - min(span[0] for span in mine)
            polarity = reading.analysis.polarity
            weight = width + (1000 if any(polarity[t] for span in mine for t in range(*span)) else 0)
            if width <= _WINDOW and (best is None or weight < best[0]):
                best = (weight, spans, owns)
        return (best[1], best[2]) if best else None

    def states(self, reading: "Reading", clause: int) -> dict[str, str]:
        """Return the states of the casualty that a clause names: group -> state."""
        cached = reading.states.get(clause)
        if cached is None:
            cached = {}
            hits = reading.hits[clause]
            for name, group, act in self._states:
                if act.slots[0] in hits and self._assign(act, hits, [], reading) is not None:
                    cached.setdefault(group, name)
            reading.states[clause] = cached
        return cached


class Reading:
    """The slots found in each clause of one reply, and the states, as they are asked for."""

    def __init__(self, index: Index, analysis: Analysis, hits: list[dict[int, list[Span]]]):
        self.index = index
        self.analysis = analysis
        self.hits = hits
        self.states: dict[int, dict[str, str]] = {}
        self._things: dict[int, dict[int, list[Span]]] = {}
        self._of_sentence: dict[int, list[int]] = defaultdict(list)
        for number, clause in enumerate(analysis.clauses):
            self._of_sentence[clause.sentence].append(number)

    def linked(self, number: int, link: int) -> dict[int, list[Span]]:
        """The slots of a linked clause that a pronoun or a list item can mean: things, not deeds."""
        key = (
            link
            if self.analysis.clauses[number].embeds != link
            and not self.is_heading(self.analysis.clauses[link].start)
            else -1
        )
        if key < 0:
            return self.hits[link]
        cached = self._things.get(link)
        if cached is None:
            forms, lemmas = self.analysis.tokens.forms, self.analysis.tokens.lemmas
            cached = self._things[link] = {
                slot: kept
                for slot, spans in self.hits[link].items()
                if (
                    kept := [
                        span
                        for span in spans
                        if not _is_deed(forms[span[0]], lemmas[span[0]])
                        and not self.analysis.polarity[span[0]]
                    ]
                )
            }
        return cached

    def is_heading(self, token: int) -> bool:
        """Whether a token stands in a heading."""
        number = self.analysis.clause_of[token]
        return number >= 0 and self.analysis.sentences[self.analysis.clauses[number].sentence].is_heading

    def has(self, number: int, links: list[int], slots: tuple[int, ...]) -> bool:
        """Whether every slot occurs in the clause's sentence or in the clauses that it is linked with."""
        sentence = self.analysis.clauses[number].sentence
        clauses = self._of_sentence[sentence]
        return all(any(slot in self.hits[k] for k in (*clauses, *links)) for slot in slots)

    def in_sentence(self, number: int, slot: int) -> bool:
        """Whether a slot occurs anywhere in the sentence of a clause."""
        clauses = self._of_sentence[self.analysis.clauses[number].sentence]
        return any(slot in self.hits[k] for k in clauses)

    def clauses_of(self, sentence: int) -> list[int]:
        """The clauses of a sentence."""
        return self._of_sentence.get(sentence, [])

    def heading_clause(self, number: int) -> int:
        """The last clause of the heading above a clause that opens a list item, or -1."""
        sentence = self.analysis.sentences[self.analysis.clauses[number].sentence]
        if sentence.heading < 0 or not sentence.opens:
            return -1
        clauses = self._of_sentence.get(sentence.heading)
        return clauses[-1] if clauses else -1


def _is_deed(form: str, lemma: str) -> bool:
    """Whether a word is more likely what somebody does than what something is."""
    return lemma in VERBS and (lemma not in NOUN_VERBS or form.endswith("ing")) and lemma != "bleed"


def _apart(spans: tuple[Span, ...]) -> bool:
    ordered = sorted(spans)
    return all(left[1] <= right[0] or left == (-1, -1) for left, right in itertools.pairwise(ordered))
