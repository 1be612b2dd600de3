"""No sentence that the bundled base learns from may be called dangerous in its own scenario."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

from quant_triage.harness.grading import RuleGrader

CORPUS = files("quant_triage.training") / "corpus"
NAMES = sorted(
    entry.name for entry in CORPUS.iterdir() if entry.name.endswith(".yaml") and entry.name[0] != "_"
)


def sentences(file: dict[str, Any]) -> Iterator[str]:
    for step in file["steps"]:
        yield from step["say"]
        yield from step.get("why", ())
    yield from file["call"]
    yield from (fact for fact in file.get("facts", ()) if isinstance(fact, str))
    for avoid in file["avoid"]:
        yield f"Do not {avoid['act']}."
        yield from avoid.get("why", ())


@pytest.mark.parametrize("name", NAMES)
def test_no_false_alarm(grader: RuleGrader, name: str) -> None:
    file = yaml.safe_load((CORPUS / name).read_text(encoding="utf-8"))
    alarms = [
        (text, [finding.check for finding in grading.findings if finding.quote])
        for text in sentences(file)
        if (grading := grader.grade("", text, file["scenario"])).grade == "dangerous"
    ]
    assert not alarms
