"""One reply under one scenario's index: which acts stand in it, what is done with them, in which state."""

from collections import defaultdict
from functools import cached_property
from typing import Literal

from quant_triage.rubrics import Check

from ._clauses import Analysis, Clause, Polarity, analyse
from ._index import Index, Match
from ._lemmas import verbs
from ._numbers import Quantity, quantities
from ._reading import Reading
from ._split import skip_adverbs
from ._words import AVOID, CEASE, INVERSE, NOUN_VERBS, UNBIDDEN, VERBS, words

Stance = Literal["affirms", "forbids", "denies", "mentions"]

# Words that turn what follows them round: where one is the deed itself, only its own polarity counts.
_OPERATORS = CEASE | INVERSE | AVOID | {"instead", "rather", "without", "never", "not", "no", "nothing"}
# ... and these wherever they are part of the act ("cooling is not needed").
_DENIALS = frozenset(
    {"instead", "rather", "without", "never", "not", "no", "nothing", "unnecessary", "needless", "pointless"}
)
_LIGHT_VERBS = _OPERATORS | words("""
    try attempt start begin need want have go bother let allow continue be do get use perform give make
    account point reason sense stage time case event way
""")
_HEAVY_VERBS = VERBS - NOUN_VERBS - _LIGHT_VERBS
_BIDDEN = VERBS - UNBIDDEN
_JOINTS = words("and or then but so")
_NEGATED = frozenset({Polarity.FORBIDDEN, Polarity.DENIED})


_MODES = {"main": 0, "condition": 1, "reason": 2, "question": 3, "report": 4, "unclear": 5}
_POLARITIES = {
    Polarity.AFFIRMED: 0,
    Polarity.DENIED: 1,
    Polarity.FORBIDDEN: 1,
    Polarity.SHARED: 2,
    Polarity.CEASED: 3,
}
STATES = 8 * (max(_POLARITIES.values()) + 1)  # of a token


class View:
    """The acts of a reply, and how it puts them."""

    def __init__(self, index: Index, reply: str):
        self.index = index
        self.reply = reply
        self.analysis: Analysis = analyse(reply)
        self.tokens = self.analysis.tokens
        self.clauses = self.analysis.clauses
        self.reading: Reading = index.read(self.analysis)
        self.matches: dict[int, list[Match]] = defaultdict(list)
        for match in index.matches(self.reading):
            self.matches[match.act.check].append(match)
        self._stances: dict[Match, Stance] = {}
        self._contexts: dict[tuple[int, bool], dict[str, str]] = {}

    @cached_property
    def states(self) -> list[int]:
        """What its clause does with each token, below ``STATES``: its polarity and the clause's mode."""
        modes = [_MODES[clause.mode] for clause in self.clauses]
        modes.append(0)  # of tokens outside of clauses, whose clause is -1
        return [
            _POLARITIES[polarity] * 8 + modes[clause]
            for polarity, clause in zip(self.analysis.polarity, self.analysis.clause_of, strict=True)
        ]

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Every number with a unit."""
        return quantities(self.tokens)

    @cached_property
    def hazard_clauses(self) -> frozenset[int]:
        """The clauses in which an act that some check calls dangerous stands, whatever is done with it."""
        return frozenset(
            match.clause
            for number, found in self.matches.items()
            if self.index.checks[number].kind == "dangerous"
            for match in found
        )

    @cached_property
    def warned_deeds(self) -> frozenset[int]:
        """The tokens that are the deed of a hazard which the reply forbids."""
        return frozenset(
            match.tokens[0]
            for number, found in self.matches.items()
            if self.index.checks[number].kind == "dangerous"
            for match in found
            if self.stance(match) in {"forbids", "denies"} and self.applies(number, match)
        )

    def stance(self, match: Match) -> Stance:
        """Return what the clause does with the act."""
        known = self._stances.get(match)
        if known is None:
            known = self._stances[match] = self._stance(match)
        return known

    def _stance(self, match: Match) -> Stance:  # noqa: PLR0911 - cases, in order
        clause = self.clauses[match.clause]
        polarity = self.analysis.polarity
        values = {polarity[token] for token in match.tokens}
        first = match.spans[match.own.index(True)]
        deed = set(polarity[slice(*first)])
        lemmas = self.tokens.lemmas
        operators = [
            t for t in range(*first) if lemmas[t] in _OPERATORS or lemmas[t - 1 : t + 1] == ["give", "up"]
        ] or [t for t in match.tokens if lemmas[t] in _DENIALS]
        operator = operators[0] if operators else None
        if operator is not None:
            values = deed = {polarity[operator]}
            ruled = [token for token in match.tokens if token > operator]
            if lemmas[operator] in {"not", "never"} and ruled and not any(polarity[t] for t in ruled):
                return "mentions"  # "do not be afraid to run water over it" turns nothing round
        if self._is_noun(first[0]):
            return "mentions"
        if values & _NEGATED:
            banned = Polarity.FORBIDDEN in deed and not values & {Polarity.AFFIRMED, Polarity.CEASED}
            if banned and clause.mode == "main" and self._is_banned_verb(clause, first[0]):
                return "forbids"
            return "denies"
        if clause.mode != "main" or Polarity.CEASED in values:
            return "mentions"
        if Polarity.SHARED in values and clause.shares in self.hazard_clauses:
            return "denies"
        return "affirms"

    def _is_noun(self, token: int) -> bool:
        """Whether a deed in the -ing form is a noun: "bending of a limb"."""
        forms = self.tokens.forms
        return forms[token].endswith("ing") and forms[token + 1 : token + 2] == ["of"]

    def _is_banned_verb(self, clause: Clause, deed: int) -> bool:
        """Whether the deed itself is forbidden, no verb before it ("do not leave to look for ...")."""
        lemmas, polarity = self.tokens.lemmas, self.analysis.polarity
        head = next((k for k in range(clause.start, deed) if polarity[k] is Polarity.FORBIDDEN), deed)
        head = skip_adverbs(self.tokens, head, deed)
        first = head < deed and self.tokens.forms[head] == lemmas[head]
        if first and lemmas[head] in verbs() and lemmas[head] not in _LIGHT_VERBS:
            return False
        return not any(
            polarity[k] is Polarity.FORBIDDEN and lemmas[k] in _HEAVY_VERBS for k in range(head, deed)
        )

    def applies(self, number: int, match: Match) -> bool:
        """Whether the states and the words around a match let the check stand."""
        check = self.index.checks[number]
        if check.when and not self._is_in(match, check.when, near=True):
            return False
        if check.unless and self._is_in(match, check.unless, near=False):
            return False
        slot = self.index.without[number]
        return slot < 0 or not self.reading.in_sentence(match.clause, slot)

    def _is_in(self, match: Match, states: tuple[str, ...], *, near: bool) -> bool:
        """Whether a match stands where the casualty is in one of some states."""
        return not set(states).isdisjoint(self._context(match.clause, near).values())

    def clauses_at(self, start: int, end: int) -> list[int]:
        """Return the clauses that overlap characters ``start`` to ``end`` of the reply."""
        tokens = self.tokens
        return [
            number
            for number, clause in enumerate(self.clauses)
            if tokens.starts[clause.start] < end and start < tokens.ends[clause.end - 1]
        ]

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        """Return the characters of tokens ``start`` to ``end``, less marks and joining words at the edges."""
        forms = self.tokens.forms
        while end > start + 1 and (not forms[end - 1][0].isalnum() or forms[end - 1] in _JOINTS):
            end -= 1
        while start < end - 1 and (not forms[start][0].isalnum() or forms[start] in _JOINTS):
            start += 1
        return self.tokens.starts[start], self.tokens.ends[end - 1]

    def states_of(self, clause: int) -> set[str]:
        """Return the states that a clause itself names."""
        return set(self.index.states(self.reading, clause).values())

    def _context(self, number: int, near: bool) -> dict[str, str]:
        """Return the casualty's states in which a clause speaks: group -> state; the nearest word wins.

        ``near`` is the clause, its conditions and the descriptions about it; otherwise all that was said
        shortly before counts as well.
        """
        cached = self._contexts.get((number, near))
        if cached is not None:
            return cached
        clause = self.clauses[number]
        states: dict[str, str] = dict(self.index.states(self.reading, number))
        for condition in clause.conditions:
            named = self.clauses[condition]
            if named.opener in {"unless", "until"} or named.embedded:
                continue
            if named.flips:
                _merge(states, self._opposite(condition))
            _merge(states, self.index.states(self.reading, condition))
        if clause.flips:
            _merge(states, self._opposite(number))
        following = self.clauses[number + 1 : number + 2]
        if following and following[0].opener == "who" and following[0].sentence == clause.sentence:
            _merge(states, self.index.states(self.reading, number + 1))  # "CPR to one | who does not breathe"
        for other in range(number - 1, max(-1, number - 8), -1):
            before = self.clauses[other]
            distance = clause.sentence - before.sentence
            if distance > 1:
                break
            asked = before.embedded or before.opener in {"unless", "until", "before"}
            if not asked and not (near and self._orders(other)):
                _merge(states, self.index.states(self.reading, other))
        self._add_headings(states, clause.sentence)
        self._contexts[number, near] = states
        return states

    def _orders(self, number: int) -> bool:
        """Whether a clause gives an order ("check the breathing") rather than describing the casualty."""
        clause = self.clauses[number]
        head = skip_adverbs(self.tokens, clause.start, clause.end)
        return head < clause.end and self.tokens.lemmas[head] in _BIDDEN and not clause.opener

    def _add_headings(self, states: dict[str, str], sentence: int) -> None:
        heading = self.analysis.sentences[sentence].heading
        while heading >= 0:
            for number in self.reading.clauses_of(heading):
                _merge(states, self.index.states(self.reading, number))
            heading = self.analysis.sentences[heading].heading

    def _opposite(self, number: int) -> dict[str, str]:
        """Return the contrary of the states last named before a clause ("if not, ...")."""
        for other in range(number - 1, max(-1, number - 6), -1):
            states = self.index.states(self.reading, other)
            if states:
                return {
                    group: state[4:] if state.startswith("not_") else f"not_{state}"
                    for group, state in states.items()
                }
        return {}

    def extent(self, match: Match, check: Check) -> tuple[int, int]:
        """Return the tokens to quote.

        They are the match with what its pronouns mean, its conditions where they make the danger, and the few
        words that round off the clause.
        """
        clause = self.clauses[match.clause]
        sentence = self.analysis.sentences[clause.sentence]
        inside = [t for span in match.spans for t in range(*span) if sentence.start <= t < sentence.end]
        meant = clause.antecedent
        while meant >= 0 and self.clauses[meant].sentence == clause.sentence:
            hits = self.reading.hits[meant]
            inside += [span[0] for slots, span in hits.terms if slots & match.act.needed]
            meant = self.clauses[meant].antecedent
        if check.when:
            for condition in clause.conditions:
                inside += [self.clauses[condition].start, self.clauses[condition].end - 1]
        first, last = min(inside), max(inside)
        if 0 <= first - clause.start <= 3:
            first = clause.start
        forms = self.tokens.forms
        end = clause.end
        while end > last + 1 and (
            not forms[end - 1][0].isalnum() or forms[end - 1] in {"and", "or", "then", "but", "so"}
        ):
            end -= 1
        last = max(last, end - 1) if end - 1 - last <= 4 else last
        while last > first and not forms[last][0].isalnum():
            last -= 1
        while first < last and not forms[first][0].isalnum():
            first += 1
        return first, last


def _merge(states: dict[str, str], others: dict[str, str]) -> None:
    for group, state in others.items():
        states.setdefault(group, state)
