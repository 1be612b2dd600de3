import json
from pathlib import Path

import pytest

from quant_triage.data import FileFormatError, UsageError, sha256_file
from quant_triage.training import Row, lint_dataset, read_dataset


def row(instruction: str, output: str) -> Row:
    return Row(instruction=instruction, output=output, scenario="severe_bleeding", source="RCUK 2025")


PRESS = "Press on it firmly with a clean cloth for 10 minutes."
CLEAN = [
    row("My thumb will not stop bleeding, help", f"{PRESS} Sit down and keep the hand above the heart."),
    row("a glass door broke and her arm is cut open", "Call 999. Press hard on the cut and keep pressing."),
]


def nothing(_instruction: str, _output: str, _scenario: str | None) -> list[str]:
    return []


def test_rows_are_read_in_order_with_their_optional_fields(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(
        '{"instruction": "Hi", "output": "Lo"}\n\n'
        '{"instruction": "A", "output": "B", "scenario": "stroke", "source": "NHS"}\n'
    )
    first, second = read_dataset(path)
    assert (first.instruction, first.scenario) == ("Hi", None)
    assert (second.scenario, second.source) == ("stroke", "NHS")
    assert len(sha256_file(path)) == 64


@pytest.mark.parametrize(
    ("second_line", "field"),
    [
        ({"instruction": "How?", "output": "  "}, "output"),
        ({"instruction": "", "output": "So."}, "instruction"),
        ({"instruction": "How?"}, "output"),
        ({"instruction": "How?", "output": "So.", "scenario": "sunburn"}, "scenario"),
        ({"instruction": "How?", "output": "So.", "answer": "So."}, "answer"),
        ({"instruction": "How?", "output": "word " * 100_000}, "output"),
        ({"instruction": 7, "output": "So."}, "instruction"),
    ],
)
def test_a_malformed_row_is_named_by_file_line_and_field(
    tmp_path: Path, second_line: dict[str, object], field: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"instruction": "Hi", "output": "Lo"}\n' + json.dumps(second_line) + "\n")
    with pytest.raises(FileFormatError) as caught:
        read_dataset(path)
    assert (caught.value.line, caught.value.field) == (2, field)
    assert len(str(caught.value)) < 800
    assert "\n" not in str(caught.value)


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_dataset(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(FileFormatError, match="has no rows"):
        read_dataset(tmp_path / "empty.jsonl")


def test_a_clean_data_set_has_no_problems() -> None:
    assert lint_dataset(CLEAN, ["What is the first aid for a burn?"], nothing) == []


@pytest.mark.parametrize(
    ("added", "kind"),
    [
        (row("MY THUMB will not stop bleeding - help!", "Something else entirely."), "duplicate"),
        (
            row(
                "My thumb will not stop bleeding, please",
                f"{PRESS} Sit down and keep the hand above the heart.",
            ),
            "near_duplicate",
        ),
        (row("what's the first aid for a BURN", "Cool it under running water."), "overlap"),
        (row("Please, what is the first aid for a burn?", "Cool it for 20 minutes."), "overlap"),
        (row("Cut", " Press it.\n"), "schema"),
        (row("Cut", "Press it.<end_of_turn>"), "schema"),
        (row("Cut", "Press it.\x00"), "schema"),
        (Row(instruction="Cut", output="Press it.", source="NHS"), "schema"),
    ],
)
def test_each_fault_is_found_in_its_own_row(added: Row, kind: str) -> None:
    problems = lint_dataset([*CLEAN, added], ["What is the first aid for a burn?"], nothing)
    assert [(problem.row, problem.kind) for problem in problems] == [(3, kind)]
    assert str(problems[0]).startswith(f"row 3: {kind}: ")


def test_a_different_question_on_the_same_topic_is_no_leak() -> None:
    asked = row("What is the treatment for a deep cut on a leg?", "Press on it.")
    assert lint_dataset([asked], ["What is the treatment for a burn on a finger?"], nothing) == []


def test_dangerous_advice_is_reported_in_the_words_of_the_injected_grader() -> None:
    def grader(instruction: str, output: str, scenario: str | None) -> list[str]:
        assert scenario == "severe_bleeding"
        return [f"butter: {output!r}"] if "butter" in output else []

    problems = lint_dataset([*CLEAN, row("It burns", "Put butter on it.")], [], grader)
    assert [(p.row, p.kind, p.message) for p in problems] == [(3, "dangerous", "butter: 'Put butter on it.'")]
