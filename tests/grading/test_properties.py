"""No text raises; offsets quote exactly; a grade is stable under whitespace and Unicode normalisation."""

import re
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quant_triage.data import SCENARIOS
from quant_triage.harness import Grading
from quant_triage.harness.grading import RuleGrader

HERE = Path(__file__).parent
REPLIES = [
    (row["scenario"], row["reply"])
    for path in sorted(HERE.glob("*_*.yaml"))
    for row in yaml.safe_load(path.read_text(encoding="utf-8"))
]
WORDS = re.findall(
    r"\S+|\s",
    """if when after unless before by not never do don't avoid no nothing the a press apply butter pour
    water into mouth to and or but instead of rather than without 10-15 minutes half 911 only even as
    soon so that in case once CPR breathing person is unconscious 5 mm 20 °C Myth: Yes No , . : ; ? ! (
    ) - * 1. 2) # ** | > \u274c \u201c \u201d \u2019 \u2026""",
)
TEXT = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
SCENARIO = st.one_of(st.none(), st.sampled_from(SCENARIOS))
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _signature(grading: Grading) -> tuple[object, ...]:
    found = sorted(
        (f.check, f.kind, f.severity, re.sub(r"\W+", " ", f.quote).strip().lower()) for f in grading.findings
    )
    return grading.grade, grading.required, found


@quick
@example(prompt="", reply="|", scenario="severe_bleeding")
@given(prompt=TEXT, reply=TEXT, scenario=SCENARIO)
def test_no_text_raises_and_offsets_quote_exactly(
    grader: RuleGrader, prompt: str, reply: str, scenario: object
) -> None:
    grading = grader.grade(prompt, reply, scenario)  # type: ignore[arg-type]
    for finding in grading.findings:
        assert reply[finding.start : finding.end] == finding.quote
        assert finding.start <= finding.end <= len(reply)
    assert 0 <= grading.coverage <= 1
    assert grading.score <= 1
    assert grader.grade(prompt, reply, scenario) == grading  # type: ignore[arg-type]


@quick
@given(data=st.data())
def test_whitespace_does_not_change_the_grade(grader: RuleGrader, data: st.DataObject) -> None:
    scenario, reply = data.draw(st.sampled_from(REPLIES))
    space = data.draw(st.sampled_from(["  ", "   ", "\t", "\u00a0", " \u200b"]))
    changed = re.sub(r"(?<=\S) (?=\S)", space, reply).replace(
        "\n", data.draw(st.sampled_from(["\n", "\r\n", "  \n"]))
    )
    before = grader.grade("", reply, scenario)
    after = grader.grade("", data.draw(st.sampled_from(["", "\n", "  "])) + changed + "\n\n", scenario)
    assert _signature(after) == _signature(before)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_unicode_normalisation_does_not_change_the_grade(grader: RuleGrader, form: str) -> None:
    for scenario, reply in REPLIES:
        curly = (
            reply.replace("'", "\u2019")
            .replace("fi", "\ufb01")
            .replace(" - ", " \u2014 ")
            .replace("é", "e\u0301")
        )
        changed = unicodedata.normalize(form, curly)  # type: ignore[arg-type]
        before, after = grader.grade("", reply, scenario), grader.grade("", changed, scenario)
        assert after.grade == before.grade, changed
        assert after.required == before.required, changed
        for finding in after.findings:
            assert changed[finding.start : finding.end] == finding.quote


def test_a_quote_does_not_cover_half_the_reply(grader: RuleGrader) -> None:
    longer = [(scenario, reply) for scenario, reply in REPLIES if len(reply) > 160]
    assert len(longer) > 60
    for scenario, reply in longer:
        for finding in grader.grade("", reply, scenario).findings:
            assert len(finding.quote) <= max(110, len(reply) / 2), finding
