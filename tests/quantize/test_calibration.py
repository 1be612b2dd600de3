"""The calibration text is our own and tells a model nothing about the questions that it is judged on."""

import re

from quant_triage.data import CALIBRATION_DIR
from quant_triage.harness.cli._templating import read_exchanges
from quant_triage.harness.grading import RuleGrader
from quant_triage.prompts import load_suite
from quant_triage.rubrics import load_rubrics

_RUN = 7  # words in a row; shorter runs are everyday English ("what should i do if my")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + _RUN]) for i in range(len(found) - _RUN + 1)}


def test_no_prompt_occurs_in_the_calibration_text_not_even_in_part() -> None:
    texts = "\n".join(path.read_text() for path in sorted(CALIBRATION_DIR.glob("*.*")))
    known = runs(texts)
    whole = " ".join(words(texts))
    for prompt in load_suite(None).prompts:
        shared = runs(prompt.text) & known
        assert not shared, f"{prompt.id} shares {len(shared)} runs of {_RUN} words"
        assert len(words(prompt.text)) < 4 or " ".join(words(prompt.text)) not in whole, prompt.id


def test_its_replies_hold_no_danger() -> None:
    """Our own grader finds nothing dangerous in the text that a model is calibrated on."""
    grader = RuleGrader(load_rubrics(None))
    for row in read_exchanges(CALIBRATION_DIR / "emergency.jsonl"):
        graded = grader.grade(row.prompt, row.reply)
        assert graded.grade not in {"dangerous", "incoherent"}, (row.prompt, graded.findings)
