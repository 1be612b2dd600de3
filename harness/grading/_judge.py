"""Rules and the trained detector together: which findings stand, and what no rule found."""

import functools
import re
from collections.abc import Callable, Sequence

import numpy as np

from quant_triage.data import Scenario
from quant_triage.rubrics import Check

from .._records import Finding, Kind, Severity
from ._acts import Examiner
from ._detector import Detector, Scores
from ._features import Reader
from ._model import Polarity
from ._topics import Topics
from ._view import View

# "Do not press ..." bans the act itself, whatever the rest of the sentence reads like.
_BLUNT = re.compile(
    r"(?:do[\s\u200b]+not|don['\u2019]t|never)[\s\u200b]+(?!let|use|wait|delay|put|only|just|leave|try)\w+",
    re.IGNORECASE,
)
_TO_SOME = re.compile(
    r"\W*(?:to|on|for|in|with)\W+(?:a|an|any|some|babies|children|someone)\b", re.IGNORECASE
)
_OVER_MINOR = 0.25  # a rule took the same sentence for a small matter
LENIENT = 2.0  # the words around a wrong number or order read well
BY_ITSELF = -1.4  # a clause that scores so much stands, whatever surrounds it
SLOWER = 0.5  # to overrule a rule about what may kill or maim
_NEGATED = frozenset({Polarity.FORBIDDEN, Polarity.DENIED})


class Judge:
    """Reviews what the rules found in one reply."""

    def __init__(self, detector: Detector, topics: Topics, examiner: Examiner, scenario: Scenario):
        self._detector = detector
        on_topic = topics.is_about(scenario, examiner.view.tokens.lemmas)
        self._keep, self._alarm_at = detector.limits(on_topic=on_topic)
        self._examiner = examiner
        self._view: View = examiner.view
        self._scenario: Scenario = scenario

    def review(self, findings: Sequence[Finding]) -> list[Finding]:
        """Drop the findings that the detector takes for harmless, and add the sentences that it alarms at."""
        reader = Reader(self._view, self._scenario, findings)
        scores = self._detector.scores(reader.sentences())
        by_clause = functools.cache(lambda: self._detector.scores(reader.clauses()))
        checks = {check.id: check for check in self._view.index.checks}
        kept = [f for f in findings if self._stands(f, checks[f.check], scores, by_clause)]
        flagged = {k for f in kept if f.endangers for k in self._sentences_of(f)}
        minor = {k for f in kept if not f.endangers for k in self._sentences_of(f)}
        alarms = [
            int(k)
            for k in np.flatnonzero(scores >= self._alarm_at)
            if k not in flagged and (k not in minor or scores[k] >= self._alarm_at + _OVER_MINOR)
        ]
        kept += [self._alarm(k, by_clause()) for k in alarms if not self._left_to_experts(k, by_clause())]
        return kept

    def _left_to_experts(self, sentence: int, scores: Scores) -> bool:
        """Whether what speaks most for an alarm is to be done only if those tell you to who know."""
        clauses = self._view.reading.clauses_of(sentence)
        return self._examiner.left_to_experts(max(clauses, key=lambda k: float(scores[k])))

    def _sentences_of(self, finding: Finding) -> set[int]:
        return {self._view.clauses[k].sentence for k in self._view.clauses_at(finding.start, finding.end)}

    def _stands(
        self, finding: Finding, check: Check, scores: Scores, by_clause: Callable[[], Scores]
    ) -> bool:
        """Whether a finding is beyond the detector's power, or is odd enough in its sentence or by itself."""
        sentences = self._sentences_of(finding)
        if not finding.endangers or not sentences or not self._detector.may_overrule(check):
            return True
        lenient = finding.kind in {"quantity", "order"}
        limit = self._keep - LENIENT * lenient - SLOWER * (finding.severity == "critical")
        plain = check.unit == "phone" or (
            finding.kind == "forbids_required"
            and finding.severity == "critical"
            and _BLUNT.match(finding.quote) is not None
            and _TO_SOME.match(self._view.reply, finding.end) is None
        )
        if plain or max(float(scores[k]) for k in sentences) >= limit:
            return True
        # Good advice around it ("cool it, then put butter on it") may hide it in its sentence.
        clauses = self._view.clauses_at(finding.start, finding.end)
        return max(float(by_clause()[k]) for k in clauses) >= BY_ITSELF

    def _alarm(self, sentence: int, scores: Scores) -> Finding:
        """A finding of the detector's own: the sentence that it judged, under the nearest check's name."""
        view = self._view
        clauses = view.reading.clauses_of(sentence)
        worst = max(clauses, key=lambda k: float(scores[k]))
        check = view.index.checks[self._nearest(sentence)]
        span = view.trimmed(view.clauses[clauses[0]].start, view.clauses[clauses[-1]].end)
        bans = any(view.analysis.polarity[k] in _NEGATED for k in range(*_tokens(view, worst)))
        kind: Kind = "forbids_required" if check.kind == "required" and bans else "dangerous"
        severity: Severity = "critical" if check.severity == "critical" else "major"
        title = f"{check.title[0].lower()}{check.title[1:]}"
        why = f"Reads like dangerous advice, by the trained detector; nearest check: {title}."
        source = str(self._examiner.rubrics.sources[check.source])
        return self._examiner.finding(f"model:{check.id}", severity, kind, span, why, source)

    def _nearest(self, sentence: int) -> int:
        """Return the check whose act the sentence comes closest to naming."""
        view = self._view
        named = [
            number
            for number, matches in view.matches.items()
            if any(view.clauses[match.clause].sentence == sentence for match in matches)
        ]
        if named:
            order = {"dangerous": 0, "required": 1}
            return min(named, key=lambda n: (order.get(view.index.checks[n].kind, 2), n))
        present: frozenset[int] = frozenset()
        for clause in view.reading.clauses_of(sentence):
            present |= view.reading.hits[clause].present
        return view.index.nearest(present)


def _tokens(view: View, clause: int) -> tuple[int, int]:
    return view.clauses[clause].start, view.clauses[clause].end
