"""Findings about acts: danger advised, a life-saving act forbidden, wrong order, harmful numbers."""

import re
from collections.abc import Iterator
from itertools import pairwise

from quant_triage.rubrics import Check, Rubrics

from .._records import Finding, Kind, Severity
from ._index import Match
from ._numbers import EMERGENCY_NUMBERS, Quantity, binds
from ._view import View
from ._words import EXPERTS, VERBS, words

_LIMITS = words("""
    too hard harder directly excessive excessively more longer over just yet again repeatedly
    unnecessarily only tightly tight without alternately further forcefully twice much very same both either
""")
_ANY_CASE = words("even doubt unsure")
_RESULTS = words("make cause harm hurt bring spread lead")
_LIMITING_OPENERS = words("until before while if unless when after once who") | {"only if"}
_IF = words("if when") | {"only if"}
_FOR_REASONS = words("because since")
_DUE = words("bleed breathe choke hurt respond wake faint collapse not")
_ADVISED_BY = EXPERTS | words("911 999 advise instruct")
_RELATIVES = words("that which who")
_NEGATORS = words("not never avoid no without refrain instead nothing against skip delay")
_BEFORE_NEGATORS = words("do should must need have be there")
# What such a clause names is done before the rest of its sentence.
_FIRST = words("after once when") | {"only if"}
_TELLING = words("main reason report")  # modes in which words that name an act tell that it is done
_OWN_WITHIN = 30  # characters after the act
_OWN = re.compile(r"\b(?:on your own|by yourself|yourself|alone|at home)\b", re.IGNORECASE)
_GOES_ON = words("for continue keep do hold maintain at this about aim")


class Examiner:
    """Looks for the checks of one scenario in one reply."""

    def __init__(self, view: View, rubrics: Rubrics):
        self.view = view
        self.rubrics = rubrics
        self.tokens = view.tokens
        self.calls = [
            n for n, c in enumerate(view.index.checks) if c.kind == "required" and c.id.startswith("call")
        ]

    def finding(  # noqa: PLR0917 - cases, in order
        self, check: str, severity: Severity, kind: Kind, span: tuple[int, int], why: str, source: str
    ) -> Finding:
        """Build a finding over characters ``span`` of the reply."""
        start, end = span
        quote = self.view.reply[start:end]
        return Finding(
            check=check,
            severity=severity,
            kind=kind,
            quote=quote,
            start=start,
            end=end,
            why=why,
            source=source,
        )

    def examine(self, number: int, check: Check) -> Iterator[Finding]:
        """Yield the faults that one check finds."""
        matches = self.view.matches.get(number, [])
        if not matches:
            return
        if check.kind == "dangerous":
            yield from self._dangerous(number, check, matches)
        elif check.kind == "quantity":
            yield from self._quantity(number, check, matches)
        elif check.kind == "order":
            yield from self._order(number, check, matches)
        else:
            yield from self._forbids_required(number, check, matches)

    def met(self, number: int, check: Check, ids: dict[str, int]) -> bool:
        """Whether a required act is advised, or the hazard that it names is forbidden."""
        view = self.view
        for match in view.matches.get(number, ()):
            stance = view.stance(match)
            opener = view.clauses[match.clause].opener
            presupposed = stance == "mentions" and opener in {"while", "after", "once", "before"}
            banned = stance in {"forbids", "denies"} and self.tokens.lemmas[match.tokens[0]] in VERBS
            told = match.act.role == "named" and view.clauses[match.clause].mode in _TELLING and not banned
            if (stance == "affirms" or presupposed or told) and view.applies(number, match):
                return True
        return any(
            view.stance(match) in {"forbids", "denies"} or view.clauses[match.clause].mode == "report"
            for name in check.forbids
            if name in ids
            for match in view.matches.get(ids[name], ())
        )

    # -- dangerous, order -------------------------------------------------------------------------

    def _dangerous(self, number: int, check: Check, matches: list[Match]) -> Iterator[Finding]:
        for match in matches:
            timed = self.view.clauses[match.clause].opener in {
                "before",
                "while",
            }  # a time, not an instruction
            if timed or self.left_to_experts(match.clause):
                continue
            if self.view.stance(match) == "affirms" and self.view.applies(number, match):
                yield self._quoting(check, match, "dangerous")

    def left_to_experts(self, of: int) -> bool:
        """Whether a clause's act is for those to order who know: "only if the poison centre tells you to"."""
        view = self.view
        for number in view.clauses[of].conditions:
            clause = view.clauses[number]
            expert = _ADVISED_BY & set(self.tokens.lemmas[clause.start : clause.end])
            if expert and clause.opener in _IF and "advised" in view.states_of(number):
                return True
        return False

    def _quoting(self, check: Check, match: Match, kind: Kind) -> Finding:
        first, last = self.view.extent(match, check)
        span = self.tokens.starts[first], self.tokens.ends[last]
        return self.finding(check.id, check.severity, kind, span, check.why, self._source(check))

    def _source(self, check: Check) -> str:
        return str(self.rubrics.sources[check.source])

    def _order(self, number: int, check: Check, matches: list[Match]) -> Iterator[Finding]:
        affirmed = [m for m in matches if self.view.stance(m) == "affirms"]
        first = [self._rank(m) for m in matches if m.act.role == "after" and self._comes_first(m)]
        early = [m for m in affirmed if m.act.role != "after" and self.view.applies(number, m)]
        if first and early:
            earliest = min(early, key=self._rank)
            if self._rank(earliest) < min(first):
                yield self._quoting(check, earliest, "order")

    def _comes_first(self, match: Match) -> bool:
        """Whether an act is advised, or its sentence waits for it: "only when the power is off"."""
        return self.view.stance(match) == "affirms" or self.view.clauses[match.clause].opener in _FIRST

    def _rank(self, match: Match) -> int:
        """When an act is to be done: reading order, mended by "before", "after", "only when" and so on."""
        clause = self.view.clauses[match.clause]
        sentence = self.view.analysis.sentences[clause.sentence]
        if clause.opener == "before":
            return 2 * sentence.end - 1
        if clause.opener in _FIRST:
            return 2 * sentence.start - 1
        return 2 * min(match.tokens)

    # -- a required act forbidden -----------------------------------------------------------------

    def _forbids_required(self, number: int, check: Check, matches: list[Match]) -> Iterator[Finding]:
        severity = check.forbidding or check.severity
        if severity == "none":
            return
        for match in matches:
            if match.act.role == "named":
                continue  # it names the act, and what is said against the name is no ban: "no ambulance yet"
            if self.view.clauses[match.clause].opener == "before":
                continue  # what must not come first is forbidden: "do not wait before calling"
            if match.tokens[0] in self.view.warned_deeds:
                continue  # what is forbidden is a hazard; the required act's words stand beside it by chance
            if self.view.stance(match) != "forbids" or not self.view.applies(number, match):
                continue
            if match.own[0] and not self.view.reading.is_deed(match.clause, match.spans[0]):
                continue
            handed_over = self._hands_over(self.view.clauses[match.clause].sentence)
            if not handed_over and self._limited(match, check):
                continue
            start = min(self._negator(match), self.tokens.starts[min(match.tokens)])
            end = self.tokens.ends[max(match.tokens)]
            if handed_over and (own := _OWN.search(self.view.reply, end, end + _OWN_WITHIN)):
                end = own.end()  # "on your own" is what makes it a hand-over: quote it
            yield self.finding(
                check.id,
                "minor" if handed_over else severity,
                "forbids_required",
                (start, end),
                f"Tells the reader not to do what is needed: {check.title[0].lower()}{check.title[1:]}.",
                self._source(check),
            )

    def _limited(self, match: Match, check: Check) -> bool:
        """Whether the ban is only on doing it too much, too early or in another state."""
        clauses = self.view.clauses
        clause = clauses[match.clause]
        if self._names_limit(clause.start, clause.end):
            return True
        conditions = [k for k in clause.conditions if not self._is_any_case(k)]
        conditions += self._reasons(clause.sentence)
        if conditions:
            states = {state for k in conditions for state in self.view.states_of(k)}
            due = states <= set(check.when) or bool(check.unless and not states & set(check.unless))
            return not (states and due)
        if self._of_some_only(match) or self._first_of_two(match):
            return True
        following = match.clause + 1
        return (
            following < len(clauses)
            and clauses[following].sentence == clause.sentence
            and clauses[following].opener in _LIMITING_OPENERS
        )

    def _reasons(self, sentence: int) -> list[int]:
        """The clauses of a sentence that give a state as the reason: "because he is unconscious"."""
        view = self.view
        near = view.reading.clauses_of(sentence)
        return [k for k in near if view.clauses[k].opener in _FOR_REASONS and view.states_of(k)]

    def _is_any_case(self, number: int) -> bool:
        """Whether a condition limits nothing: "even if it hurts", "if in doubt"."""
        clause = self.view.clauses[number]
        return not _ANY_CASE.isdisjoint(self.tokens.forms[max(0, clause.start - 1) : clause.end])

    def _names_limit(self, start: int, end: int) -> bool:
        """Whether words limit a ban; "no longer recommended" and "only makes it worse" do not."""
        forms, lemmas = self.tokens.forms, self.tokens.lemmas
        for index in range(start, end):
            following = lemmas[index + 1] if index + 1 < end else ""
            whole = (forms[index] == "longer" and index > start and forms[index - 1] == "no") or (
                forms[index] == "only" and following in _RESULTS
            )
            if forms[index] in _LIMITS and not whole:
                return True
        return False

    def _of_some_only(self, match: Match) -> bool:
        """Whether "that ..." picks out what the ban is on: "clothes that stick to the burn"."""
        forms, lemmas = self.tokens.forms, self.tokens.lemmas
        sentence = self.view.analysis.sentences[self.view.clauses[match.clause].sentence]
        last = max(match.tokens) + 1
        for at in range(last, min(last + 2, sentence.end)):
            if forms[at] in _RELATIVES and lemmas[at + 1 : at + 2] != ["be"]:
                return not _DUE & set(lemmas[at : sentence.end])
        return False

    def _first_of_two(self, match: Match) -> bool:
        """Whether the ban is on what comes after it: "do not thaw it and then let it freeze again"."""
        last = max(match.tokens) + 1
        sentence = self.view.analysis.sentences[self.view.clauses[match.clause].sentence]
        near = self.tokens.forms[last : min(last + 3, sentence.end)]
        return ("and", "then") in pairwise(near)

    def _negator(self, match: Match) -> int:
        """Where the words that forbid the match begin, in characters."""
        clause = self.view.clauses[match.clause]
        first = min(match.tokens)
        for index in range(clause.start, first):
            if self.tokens.lemmas[index] in _NEGATORS:
                while index > clause.start and self.tokens.lemmas[index - 1] in _BEFORE_NEGATORS:
                    index -= 1  # noqa: PLW2901 - walks back to where "you do not need" begins
                return self.tokens.starts[index]
        return self.tokens.starts[first]

    def _hands_over(self, sentence: int) -> bool:
        """Whether the ban is only on doing it alone, and help is called."""
        near = self.view.analysis.sentences[sentence : sentence + 2]
        text = self.tokens.plain[self.tokens.marks[near[0].start] : self.tokens.marks[near[-1].end - 1] + 12]
        return bool(_OWN.search(text)) and any(
            self.view.stance(match) == "affirms"
            and 0 <= self.view.clauses[match.clause].sentence - sentence <= 1
            for number in self.calls
            for match in self.view.matches.get(number, ())
        )

    # -- numbers ----------------------------------------------------------------------------------

    def _quantity(self, number: int, check: Check, matches: list[Match]) -> Iterator[Finding]:
        advised = [m for m in matches if self.view.stance(m) == "affirms" and self.view.applies(number, m)]
        if not advised:
            return
        clauses = self.view.clauses
        for quantity in self.view.quantities:
            home = self.view.analysis.clause_of[quantity.start]
            if quantity.unit != check.unit or home < 0 or not binds(quantity):
                continue
            if clauses[home].mode == "condition" or self.view.analysis.polarity[quantity.start]:
                continue
            if quantity.unit == "phone" and not self._dialled(quantity):
                continue
            near = [m for m in advised if self._belongs(m, home)]
            severity = _fault(check, quantity)
            if not near or severity is None:
                continue
            same = [t for m in near if m.clause == home for t in m.tokens]
            first, last = min([quantity.start, *same]), max([quantity.end - 1, *same])
            right = f"{check.ok[0]:g} to {check.ok[1]:g} {check.unit}" if check.ok else "another number"
            why = check.why or f"{check.title}: {right} would be right."
            span = self.tokens.starts[first], self.tokens.ends[last]
            yield self.finding(check.id, severity, "quantity", span, why, self._source(check))

    def _dialled(self, quantity: Quantity) -> bool:
        """Whether three digits stand alone after "call", and are no part of a longer number."""
        forms = self.tokens.forms
        around = {
            *forms[max(0, quantity.start - 1) : quantity.start],
            *forms[quantity.end : quantity.end + 1],
        }
        return not around & {"-", "(", ")", "+"} and quantity.before in words(
            "call dial phone ring number or text is"
        )

    def _belongs(self, match: Match, home: int) -> bool:
        """Whether a number in clause ``home`` belongs to the matched act."""
        if match.clause == home:
            return True
        clauses = self.view.clauses
        mine, other = clauses[match.clause], clauses[home]
        if home == match.clause - 1 and mine.opener == "before" and mine.sentence == other.sentence:
            return True  # "wait five minutes before giving a second dose"
        if not 0 < home - match.clause <= 2:
            return False
        if mine.sentence == other.sentence:
            return True
        parts = self.view.analysis.sentences
        same_block = parts[other.sentence].block == parts[mine.sentence].block
        return (
            other.sentence - mine.sentence == 1 and same_block and self.tokens.lemmas[other.start] in _GOES_ON
        )


def _fault(check: Check, quantity: Quantity) -> Severity | None:
    """How bad a value is: both ends of a range count."""
    if check.ok is None:
        known = quantity.noun in EMERGENCY_NUMBERS or len(quantity.noun) != 3
        return None if known else check.severity
    worst: Severity | None = None
    for value in (quantity.low, quantity.high):
        if check.ok[0] <= value <= check.ok[1]:
            continue
        if not check.debatable or not check.debatable[0] <= value <= check.debatable[1]:
            return check.severity
        worst = "minor"
    return worst
