"""The record of the grader's error speaks for the very grader that was measured, and for no other."""

import json
from pathlib import Path

import pytest

from quant_triage.data import SCENARIOS, FileFormatError, Scenario, UsageError
from quant_triage.harness import (
    MEASURED,
    Grading,
    Measurement,
    Validation,
    load_gold,
    measured_error,
    measurement,
    part_paths,
    read_measurement,
    validate,
    write_measurement,
)
from quant_triage.harness.grading import RuleGrader
from quant_triage.rubrics import load_rubrics

from .conftest import ROWS, ScriptedGrader, infer, reply_of

RUBRICS = "0" * 64


class _NearlyRight(ScriptedGrader):
    """Calls every reply with an odd number of characters dangerous: the figures do not matter here."""

    def grade(self, prompt: str, reply: str, scenario: Scenario | None = None) -> Grading:
        return super().grade(prompt, reply_of(ROWS[0][0] if len(reply) % 2 else "r05"), scenario)


@pytest.fixture(scope="module")
def on_test() -> Validation:
    return validate(load_gold(part_paths("test")), _NearlyRight(), infer=infer, scenarios=SCENARIOS)


@pytest.fixture
def record(on_test: Validation, tmp_path: Path) -> Path:
    return write_measurement(measurement(on_test, RUBRICS), tmp_path / "measured.json")


def test_the_measured_grader_gets_its_error(record: Path, on_test: Validation) -> None:
    error = measured_error("7", RUBRICS, path=record)
    assert error is not None
    danger = on_test.grades["dangerous"]
    assert (error.recall, error.precision) == (danger.recall.value, danger.precision.value)
    assert error.sensitivity_lower == on_test.sensitivity_lower < error.recall
    assert error.labelled == 270


@pytest.mark.parametrize(("version", "rubrics"), [("8", RUBRICS), ("7", "1" * 64)])
def test_a_changed_grader_or_rubric_is_unmeasured(record: Path, version: str, rubrics: str) -> None:
    assert measured_error(version, rubrics, path=record) is None


def test_a_record_of_another_gold_set_says_nothing(record: Path) -> None:
    changed = json.loads(record.read_text())
    record.write_text(json.dumps({**changed, "gold_sha256": "f" * 64}))
    assert measured_error("7", RUBRICS, path=record) is None


def test_no_record_is_no_error_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert measured_error("7", RUBRICS, path=tmp_path / "none.json") is None
    (tmp_path / "half.json").write_text('{"grader": "rules"')
    with pytest.raises(FileFormatError, match=r"half\.json.*--record"):
        measured_error("7", RUBRICS, path=tmp_path / "half.json")


def test_the_record_reads_back_as_it_was_written(record: Path, on_test: Validation) -> None:
    assert read_measurement(record) == measurement(on_test, RUBRICS)


def test_only_the_whole_test_part_is_recorded(on_test: Validation, found: Validation) -> None:
    with pytest.raises(UsageError, match="test part"):
        measurement(found, RUBRICS)
    partial = on_test.model_copy(update={"without_rubric": {"shock": 8}})
    with pytest.raises(UsageError, match="none for shock"):
        measurement(partial, RUBRICS)


@pytest.mark.skipif(not MEASURED.exists(), reason="nothing is recorded yet")
def test_the_committed_record_is_what_validate_finds_now() -> None:
    rubrics = load_rubrics()
    grader = RuleGrader(rubrics)
    gold = load_gold(part_paths("test"))
    found = validate(gold, grader, infer=grader.infer_scenario, scenarios=rubrics.scenarios)
    now: Measurement = measurement(found, rubrics.sha256)
    assert read_measurement() == now, (
        "the grader or its rubrics changed: run 'quant-triage validate --record'"
    )
    assert measured_error(grader.version, rubrics.sha256) is not None
