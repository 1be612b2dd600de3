"""Whether a critical required act counts as told: without one a reply is caution, with all it is not."""

from pathlib import Path

import pytest
import yaml

from quant_triage.harness.grading import RuleGrader

CASES = yaml.safe_load(Path(__file__).with_name("required.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['check']}: {case['reply'][:40]}")
def test_a_required_act_is_told_or_not(grader: RuleGrader, case: dict[str, str]) -> None:
    found = grader.grade("", case["reply"], case["scenario"]).findings
    missing = {finding.check for finding in found if finding.kind == "omission"}
    assert (case["check"] not in missing) is case["met"], missing


def test_a_ban_of_what_only_names_the_act_is_no_ban_of_it(grader: RuleGrader) -> None:
    reply = "Call 911, use the pen, lay her flat. Do not let her walk to the ambulance."
    assert grader.grade("", reply, "anaphylaxis").grade != "dangerous"
