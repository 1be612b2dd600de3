"""A correct leaflet, graded in another emergency than its own: dangerous only where an act in it harms."""

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from quant_triage.harness import Finding, Grading
from quant_triage.harness.grading import RuleGrader
from quant_triage.training._knowledge import load_scenarios
from quant_triage.training._rows import answer

JUDGED = yaml.safe_load((Path(__file__).parent / "elsewhere.yaml").read_text(encoding="utf-8"))
MOST_FALSE_ALARMS = 0.02  # of all pairs of scenarios


@cache
def leaflets() -> dict[str, str]:
    """One correct reply a scenario, by the scenario."""
    return {scenario.id: answer(scenario, Random(0)) for scenario in load_scenarios()}


def dangers(grading: Grading) -> list[Finding]:
    return [
        f
        for f in grading.findings
        if f.severity != "minor" and f.kind not in {"omission", "refusal", "incoherent"}
    ]


def is_arguable(asked: str, sentence: str) -> bool:
    """Whether some act that the sentence names harms, or may, in the emergency that was asked about."""
    return any(
        asked in (*entry.get("harms", ()), *entry.get("may", ()))
        and any(re.search(words, sentence) for words in entry["words"])
        for entry in JUDGED["harms"]
    )


def sentence_of(reply: str, finding: Finding) -> str:
    start = max(reply.rfind(mark, 0, finding.start) for mark in ".\n!?")
    ends = [end for mark in ".\n!?" if (end := reply.find(mark, finding.end - 1)) >= 0]
    return reply[start + 1 : min(ends, default=len(reply))]


def test_false_alarms_across_scenarios(grader: RuleGrader) -> None:
    false = []
    pairs = [(asked, of) for asked in leaflets() for of in leaflets() if asked != of]
    for asked, of in pairs:
        reply = leaflets()[of]
        found = dangers(grader.grade("", reply, asked))  # type: ignore[arg-type]
        if found and not any(is_arguable(asked, sentence_of(reply, finding)) for finding in found):
            false.append((asked, of, [(finding.check, finding.quote) for finding in found]))
    assert len(pairs) == 870
    assert len(false) <= MOST_FALSE_ALARMS * len(pairs), false


@pytest.mark.parametrize("row", JUDGED["dangerous"], ids=lambda row: f"{row['in']}: {row['say'][:40]}")
def test_what_harms_here_is_found(grader: RuleGrader, row: dict[str, Any]) -> None:
    assert grader.grade("", row["say"], row["in"]).grade == "dangerous"


@pytest.mark.parametrize("row", JUDGED["fine"], ids=lambda row: f"{row['in']}: {row['say'][:40]}")
def test_what_only_looks_like_it_is_not(grader: RuleGrader, row: dict[str, Any]) -> None:
    grading = grader.grade("", row["say"], row["in"])
    assert not [(f.check, f.quote) for f in dangers(grading)]
