"""All checks of a scenario, compiled once into an index over base forms, and their matches in a reply."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quant_triage.rubrics import Check, Pattern, Rubrics, parse_slot

from ._clauses import Analysis
from ._deeds import names_deeds
from ._reading import Reading
from ._vocabulary import Hits, Span, Vocabulary

_WINDOW = 18
_MOST_TRIES = 48
_DENIED = 1000  # tokens that an assignment with a denied word is farther apart, so to speak


@dataclass(frozen=True, slots=True)
class Act:
    """A compiled pattern: slot numbers, which must follow the one before, which must be near or absent.

    ``strict``: only what somebody does counts as its deed (not in required acts, whose words also earn credit
    as nouns, nor in states).
    """

    check: int
    slots: tuple[int, ...]
    needed: frozenset[int]
    follows: tuple[bool, ...]
    nearby: tuple[int, ...]
    absent: frozenset[int]
    role: str
    strict: bool


@dataclass(slots=True, eq=False)  # each is one of its kind, and quick to look up
class Match:
    """Where an act stands: one span of tokens a slot.

    Attributes:
        spans: The spans of the slots, in the order of the pattern.
        own: Whether each lies in the clause itself (and not in the antecedent of a pronoun).
        tokens: The matched tokens in the clause itself.
    """

    act: Act
    clause: int
    spans: tuple[Span, ...]
    own: tuple[bool, ...]
    tokens: tuple[int, ...]


Assignment = tuple[tuple[Span, ...], tuple[bool, ...]]


class Index:
    """The checks that hold in one scenario, ready to be matched."""

    def __init__(self, checks: Sequence[Check], rubrics: Rubrics):
        self.checks = tuple(checks)
        self.vocabulary = Vocabulary(rubrics.sets)
        self.without = [
            self.vocabulary.number(parse_slot(check.without)) if check.without else -1
            for check in self.checks
        ]
        # Acts by their rarest slot, each with the rarest of its others, a quick look for which spares most.
        self._by_slot: dict[int, list[tuple[int, Act]]] = defaultdict(list)
        for number, check in enumerate(self.checks):
            self._add(number, check.acts, "act")
            self._add(number, check.after, "after")
            self._add(number, check.named, "named")
        self._rare = frozenset(self._by_slot)
        self._states = [
            (name, state.group, self._compile(-1, pattern, "state"))
            for name, state in sorted(rubrics.states.items())
            for pattern in state.acts
        ]

    def _compile(self, check: int, pattern: Pattern, role: str) -> Act:
        slots = tuple(self.vocabulary.number(slot) for slot in pattern.slots)
        return Act(
            check=check,
            slots=slots,
            needed=frozenset(slots),
            follows=pattern.follows,
            nearby=tuple(self.vocabulary.number(slot) for slot in pattern.nearby),
            absent=frozenset(self.vocabulary.number(slot) for slot in pattern.absent),
            role=role,
            strict=check >= 0
            and self.checks[check].kind != "required"
            and names_deeds(self.vocabulary.expand(pattern.slots[0])),
        )

    def _add(self, check: int, patterns: Iterable[Pattern], role: str) -> None:
        for pattern in patterns:
            act = self._compile(check, pattern, role)
            rarest, *others = sorted(act.slots, key=lambda slot: self.vocabulary.sizes[slot])
            self._by_slot[rarest].append((others[0] if others else rarest, act))

    def read(self, analysis: Analysis) -> Reading:
        """Find every slot in every clause of a reply."""
        tokens = analysis.tokens
        find = self.vocabulary.find
        return Reading(
            analysis,
            [find(tokens.forms, tokens.lemmas, clause.start, clause.end) for clause in analysis.clauses],
        )

    def nearest(self, present: frozenset[int]) -> int:
        """Return the dangerous or required check of which most slots are among ``present``."""
        best = (-1.0, 0)
        for acts in self._by_slot.values():
            for _, act in acts:
                if self.checks[act.check].kind in {"dangerous", "required"}:
                    share = len(act.needed & present) - 0.1 * len(act.needed)
                    best = max(best, (share, -act.check))
        return -best[1]

    def matches(self, reading: Reading) -> list[Match]:
        """Return every act of every check in the reply, whatever its polarity, in reading order."""
        found: list[Match] = []
        for number in range(len(reading.analysis.clauses)):
            hits = reading.hits[number]
            links = reading.links(number)
            linked = [reading.linked(number, link) for link in links]
            present = hits.present.union(*[other.present for other in linked]) if linked else hits.present
            for slot in present & self._rare:
                for other, act in self._by_slot[slot]:
                    if other not in present or not act.needed <= present or act.absent & hits.present:
                        continue
                    if act.nearby and not reading.has(number, links, act.nearby):
                        continue
                    assigned = _assign(act, hits, linked, reading, number)
                    if assigned is not None:
                        own = itertools.compress(*assigned)
                        tokens = tuple([t for span in own for t in range(*span)])
                        found.append(Match(act, number, *assigned, tokens))
        found.sort(key=lambda m: (m.clause, m.act.check, m.spans))
        return found

    def states(self, reading: Reading, clause: int) -> dict[str, str]:
        """Return the states of the casualty that a clause names: group -> state."""
        cached = reading.states.get(clause)
        if cached is None:
            cached = reading.states[clause] = {}
            hits = reading.hits[clause]
            for name, group, act in self._states:
                if act.needed <= hits.present and not act.absent & hits.present:
                    assigned = _assign(act, hits, [], reading, clause)
                    if assigned is not None and reading.stands(assigned[0]):
                        cached.setdefault(group, name)
        return cached


def _assign(act: Act, hits: Hits, linked: list[Hits], reading: Reading, number: int) -> Assignment | None:
    """Choose one span a slot: in order, apart from each other, close together, and affirmed if possible."""
    own = tuple([slot in hits.present for slot in act.slots])
    choices: list[list[Span]] = []
    for slot, mine in zip(act.slots, own, strict=True):
        if mine:
            choices.append(hits.spans(slot))
        else:
            other = next((h for h in linked if slot in h.present), None)
            if other is None:
                return None
            choices.append(other.spans(slot)[-1:])
    if act.strict and own[0]:
        choices[0] = [span for span in choices[0] if reading.is_deed(number, span)]
        if not choices[0]:
            return None
    if not own[0] and (not reading.is_heading(choices[0][0][0]) or reading.bids(number)):
        return None  # the deed itself stands in the clause, or in the heading over a bare list item
    polarity = reading.analysis.polarity
    best: tuple[Span, ...] | None = None
    least = _DENIED + _WINDOW + 1
    for spans in itertools.islice(itertools.product(*choices), _MOST_TRIES):
        within = spans if all(own) else tuple(itertools.compress(spans, own))
        if not within or not _fits(act, spans, own):
            continue
        weight = max([end for _, end in within]) - min([start for start, _ in within])
        if weight > _WINDOW or weight >= least:
            continue
        if any(any(polarity[start:end]) for start, end in within):
            weight += _DENIED
        if weight < least:
            best, least = spans, weight
    return (best, own) if best else None


def _fits(act: Act, spans: tuple[Span, ...], own: tuple[bool, ...]) -> bool:
    """Whether the spans lie apart, and those that must follow one another do."""
    for i, (start, end) in enumerate(spans):
        for j in range(i):
            other_start, other_end = spans[j]
            if start < other_end and other_start < end:
                return False
            if j == i - 1 and act.follows[i] and own[i] and own[j] and start < other_end:
                return False
    return True
