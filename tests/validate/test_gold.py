"""The shipped labelled replies are whole; a team's own and reviewers' labels are read as documented."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from quant_triage.data import GOLD_DIR, SCENARIOS, FileFormatError, Scenario, UsageError, sha256_file
from quant_triage.harness import (
    TEST_SHA256,
    GoldRow,
    Grading,
    Label,
    load_gold,
    part_paths,
    reply_hash,
    validate,
)
from quant_triage.harness import _gold as gold_module

from .conftest import ROWS, ScriptedGrader, infer, reply_of, write_gold
from .conftest import SCENARIOS as TWO


def review(prompt: str, reply: str, label: Literal["confirm", "dismiss"]) -> dict[str, Label]:
    key = reply_hash(prompt, reply)
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return {key: Label(key=key, label=label, who="a nurse", when=when, why="read it")}


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_shipped_part_is_whole(part: str) -> None:
    gold = load_gold(part_paths(part))
    rows: list[GoldRow] = [row for file in gold.files for row in file.rows]
    assert len(rows) == 270
    assert {row.scenario for row in rows} == set(SCENARIOS)
    for row in rows:
        assert len(row.labels) == 2, row.id
        for label in row.labels:
            assert bool(label.quote) == bool(label.severity) == (label.label == "dangerous"), row.id
            assert label.quote is None or label.quote in row.reply, row.id
    counts = Counter(truth.label for truth in gold.truths)
    assert counts == {"dangerous": 120, "safe": 75, "caution": 45, "incoherent": 30}
    assert gold.disputed == ()


def test_the_parts_share_no_id_and_no_reply() -> None:
    gold = load_gold(part_paths("all"))
    assert len(gold.truths) == 540
    assert len({truth.reply for truth in gold.truths}) == 540


def test_the_test_part_is_the_frozen_one() -> None:
    assert sha256_file(GOLD_DIR / "test.jsonl") == TEST_SHA256
    (file,) = load_gold(part_paths("test")).files
    assert file.sealed
    assert not load_gold(part_paths("dev")).files[0].sealed


def test_a_changed_test_part_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "test.jsonl"
    changed.write_bytes((GOLD_DIR / "test.jsonl").read_bytes().replace(b'"safe"', b'"caution"', 1))
    monkeypatch.setattr(gold_module, "TEST_PART", changed)
    with pytest.raises(UsageError, match="frozen test part") as error:
        load_gold([changed])
    assert str(changed) in str(error.value)


def test_a_copy_of_the_test_part_stays_sealed(tmp_path: Path) -> None:
    copy = tmp_path / "mine.jsonl"
    copy.write_bytes((GOLD_DIR / "test.jsonl").read_bytes())
    gold = load_gold([copy])
    found = validate(gold, _AlwaysSafe(), infer=infer, scenarios=SCENARIOS)
    assert len(found.missed) == 120
    assert found.misses == ()
    shown = validate(gold, _AlwaysSafe(), infer=infer, scenarios=SCENARIOS, show_sealed=True)
    assert len(shown.misses) == 270 - 75


class _AlwaysSafe(ScriptedGrader):
    def grade(self, prompt: str, reply: str, scenario: Scenario | None = None) -> Grading:  # noqa: ARG002
        return super().grade(prompt, reply_of("r05"), scenario)


def test_a_simple_line_is_enough(tmp_path: Path) -> None:
    row = {
        "id": 1,
        "prompt": "Nose",
        "reply": "Tilt it back.",
        "label": "dangerous",
        "quote": "back",
        "team": "x",
    }
    (truth,) = load_gold([write_gold(tmp_path / "own.jsonl", [row])]).truths
    assert (truth.id, truth.label, truth.quotes, truth.scenario) == ("1", "dangerous", ("back",), None)


def test_line_separators_inside_a_reply_split_no_line(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"id": 1, "prompt": "a", "reply": "b\u2028c\u0085d", "label": "safe"}\n', encoding="utf-8"
    )
    assert load_gold([path]).truths[0].reply == "b\u2028c\u0085d"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"quote": "up"}, "quote 'up' does not occur in the reply"),
        ({"labels": [{"label": "safe"}]}, "'label' or 'labels', not both"),
        ({"label": "deadly"}, "'deadly'"),
        ({"scenario": "sunburn"}, "'sunburn'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"id": "a", "prompt": "Nose", "reply": "Tilt it back.", "label": "safe"}
    path = write_gold(tmp_path / "own.jsonl", [good, {**good, "id": "b", **row}])
    with pytest.raises(FileFormatError) as error:
        load_gold([path])
    assert "own.jsonl:2" in str(error.value)
    assert words in str(error.value)


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    row: dict[str, object] = {"id": "a", "prompt": "Nose", "reply": "Lean forward.", "label": "safe"}
    paths = [write_gold(tmp_path / name, [row]) for name in ("one.jsonl", "two.jsonl")]
    with pytest.raises(UsageError, match=r"'two.jsonl': id 'a' occurs twice"):
        load_gold(paths)


def test_files_without_rows_or_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no labelled reply"):
        load_gold([write_gold(tmp_path / "empty.jsonl", [])])
    with pytest.raises(UsageError, match="has a label"):
        load_gold([write_gold(tmp_path / "bare.jsonl", [{"id": 1, "prompt": "a", "reply": "b"}])])
    with pytest.raises(UsageError, match="nowhere"):
        load_gold([tmp_path / "nowhere.jsonl"])


def test_reviews_label_rows_that_have_no_label_of_their_own(tmp_path: Path) -> None:
    """A confirmed flag is a dangerous reply; a dismissed one counts only where danger is asked."""
    prompts = {name: f"Help, {name}" for name in ("r01", "r07", "r05")}
    rows: list[dict[str, object]] = [
        {"id": name, "scenario": "nosebleed", "prompt": prompt, "reply": reply_of(name)}
        for name, prompt in prompts.items()
    ]
    reviews = {
        **review(prompts["r01"], reply_of("r01"), "confirm"),
        **review(prompts["r07"], reply_of("r07"), "dismiss"),
        **review("another prompt", reply_of("r07"), "confirm"),
    }
    gold = load_gold([write_gold(tmp_path / "texts.jsonl", rows)], reviews)
    assert [(truth.id, truth.dangerous, truth.label) for truth in gold.truths] == [
        ("r01", True, "dangerous"),
        ("r07", False, None),
    ]
    assert (gold.reviewed, gold.unmatched) == (2, 1)
    found = validate(gold, ScriptedGrader(), infer=infer, scenarios=TWO)
    assert found.false_alarms == ("r07",)
    assert (found.grades["dangerous"].precision.events, found.grades["dangerous"].precision.total) == (1, 2)
    assert found.accuracy.total == 1


def test_a_review_against_the_labels_makes_a_dispute(twelve: Path) -> None:
    against = review("Help, r01", reply_of("r01"), "dismiss")
    gold = load_gold([twelve], against)
    assert gold.disputed == ("r01", "r13")
    agreeing = review("Help, r05", reply_of("r05"), "dismiss")
    gold = load_gold([twelve], agreeing)
    assert gold.disputed == ("r13",)
    assert next(truth for truth in gold.truths if truth.id == "r05").label == "safe"
    assert len(gold.truths) == len(ROWS)
