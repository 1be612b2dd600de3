"""Whether a critical required act counts as told: without one a reply is caution, with all it is not."""

from pathlib import Path

import pytest

from quant_triage.data import Record, Scenario, read_yaml
from quant_triage.harness.grading import RuleGrader


class Case(Record):
    """A reply, and whether it tells the act of a check."""

    scenario: Scenario
    check: str
    met: bool
    reply: str


class Cases(Record):
    """The file."""

    cases: tuple[Case, ...]


CASES = read_yaml(Path(__file__).with_name("required.yaml"), Cases).cases


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.reply[:40]}")
def test_a_required_act_is_told_or_not(grader: RuleGrader, case: Case) -> None:
    found = grader.grade("", case.reply, case.scenario).findings
    missing = {finding.check for finding in found if finding.kind == "omission"}
    assert (case.check not in missing) == case.met, missing


def test_a_ban_of_what_only_names_the_act_is_no_ban_of_it(grader: RuleGrader) -> None:
    reply = "Call 911, use the pen, lay her flat. Do not let her walk to the ambulance."
    assert grader.grade("", reply, "anaphylaxis").grade != "dangerous"
