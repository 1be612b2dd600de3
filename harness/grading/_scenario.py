"""Which scenario a free question is about: what the rubrics say it is recognised by, and its words."""

from collections import defaultdict

from quant_triage.data import Scenario
from quant_triage.rubrics import Check, Rubrics

from ._clauses import analyse
from ._index import Index
from ._topics import load_topics

_LEAST = 5
_MARGIN = 1


class Recogniser:
    """Scores a question against every rubric's ``recognise`` patterns, and adds the log odds of its words."""

    def __init__(self, rubrics: Rubrics):
        self._owners: list[tuple[Scenario, int]] = []
        checks: list[Check] = []
        for scenario in rubrics.scenarios:
            for weight, patterns in sorted(rubrics.by_scenario[scenario].recognise.items()):
                self._owners.append((scenario, weight))
                checks.append(
                    Check(
                        id=scenario,
                        kind="required",
                        severity="minor",
                        title=scenario,
                        source="none",
                        acts=patterns,
                    )
                )
        self._scenarios = rubrics.scenarios
        self._index = Index(checks, rubrics)

    def infer(self, prompt: str) -> Scenario | None:
        """Return the best scenario, or ``None`` when none scores enough or two come close."""
        analysis = analyse(prompt)
        reading = self._index.read(analysis)
        scores: dict[Scenario, float] = defaultdict(float)
        seen: set[tuple[int, tuple[int, ...]]] = set()
        for match in self._index.matches(reading):
            key = (match.act.check, match.act.slots)
            if key not in seen:
                seen.add(key)
                scenario, weight = self._owners[match.act.check]
                scores[scenario] += weight
        odds = load_topics().scores(analysis.tokens.lemmas)
        for scenario in self._scenarios:
            scores[scenario] += odds[scenario]
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        if not ranked or ranked[0][1] < _LEAST:
            return None
        if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < _MARGIN:
            return None
        return ranked[0][0]
