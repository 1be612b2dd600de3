"""Comparing two runs: flips, lost passes, noise, and what cannot be compared."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quant_triage.harness.cli import app

from .recording import lenient, record

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def _call(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of 72 prompts in which none, two, and eight replies about bleeding are deadly, and one of 20."""
    folder = tmp_path_factory.mktemp("runs")
    for name, bad, prompts in (("none", 0, 72), ("two", 2, 72), ("eight", 8, 72), ("short", 0, 20)):
        lines = "".join(
            record(folder / "part.jsonl", prompts, *range(count), level=level).read_text()
            for level, count in (("Q4_K_M", 0), ("Q2_K", bad))
        )
        (folder / f"{name}.jsonl").write_text(lines)
        code, _, errors = _call(
            "evaluate", folder / f"{name}.jsonl", "--policy", lenient(folder), "--out", folder / name
        )
        assert code in {0, 3}, errors
    return folder


def test_a_run_is_no_worse_than_itself(runs: Path) -> None:
    code, text, _ = _call("compare", runs / "eight", runs / "eight")
    assert code == 0
    assert "No level got worse" in text
    assert "Nothing flipped" in text


def test_what_flipped_is_shown_with_both_replies_and_a_lost_pass_is_worse(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "compare.md"
    code, text, _ = _call("compare", runs / "none", runs / "two" / "report.json", "--out", out)
    assert code == 1
    assert "Q2\\_K was safe and is dangerous" in text
    assert "no longer dangerous" not in text
    assert text.count("now dangerous") == 2
    assert "Call an ambulance" in text
    assert "Do not stop the bleeding" in text
    assert out.read_text() == text
    code, text, _ = _call("compare", runs / "two", runs / "none")
    assert code == 0
    assert text.count("no longer dangerous") == 2


def test_between_failing_runs_a_few_flips_may_be_noise_and_many_are_not(runs: Path) -> None:
    code, text, _ = _call("compare", runs / "two", runs / "eight", "--json")
    found = json.loads(text)
    level = next(one for one in found["levels"] if one["level"] == "Q2_K")
    assert [flip["worse"] for flip in level["flips"] if flip["event"] == "dangerous"] == [True] * 6
    assert level["p_worse"]["dangerous"] == pytest.approx(2 * 0.5**6)  # Holm over two levels
    assert (code, found["status"]) == (1, "worse")
    report = json.loads((runs / "two" / "report.json").read_text())
    worst = json.loads((runs / "eight" / "report.json").read_text())
    _undo(worst, report, keep=2)
    (runs / "four.json").write_text(json.dumps(worst))
    code, text, _ = _call("compare", runs / "two", runs / "four.json", "--json")
    found = json.loads(text)
    assert (code, found["status"]) == (3, "unclear")
    assert "may be noise" in found["reason"]
    assert found["more_prompts"] > 0


def _undo(
    worst: dict[str, list[dict[str, object]]], report: dict[str, list[dict[str, object]]], keep: int
) -> None:
    """Put the earlier run's replies back, but for a few that flipped."""
    old = {model["level"]: model for model in report["models"]}
    for model in worst["models"]:
        was, now = old[model["level"]]["replies"], model["replies"]
        assert isinstance(was, list)
        assert isinstance(now, list)
        flipped = [n for n, (a, b) in enumerate(zip(was, now, strict=True)) if a != b]
        for number in flipped[keep:]:
            now[number] = was[number]


def test_runs_of_different_suites_or_graders_are_refused(runs: Path, tmp_path: Path) -> None:
    code, text, errors = _call("compare", runs / "none", runs / "short")
    assert (code, text) == (2, "")
    assert "different suites" in errors
    report = json.loads((runs / "none" / "report.json").read_text())
    report["grader"]["version"] = "1+other"
    (tmp_path / "report.json").write_text(json.dumps(report))
    code, text, errors = _call("compare", tmp_path, runs / "none")
    assert (code, text) == (2, "")
    assert "only graded anew" in errors


def test_a_folder_without_a_report(tmp_path: Path) -> None:
    code, text, errors = _call("compare", tmp_path, tmp_path)
    assert (code, text) == (2, "")
    assert "report.json" in errors


def test_reports_that_lack_or_double_replies_are_refused(runs: Path, tmp_path: Path) -> None:
    report = json.loads((runs / "two" / "report.json").read_text())
    replies = report["models"][0]["replies"]
    for spoilt, says in ((replies[1:], "71 of 72 prompts"), ([*replies, replies[0]], "twice")):
        report["models"][0]["replies"] = spoilt
        (tmp_path / "report.json").write_text(json.dumps(report))
        code, text, errors = _call("compare", runs / "none", tmp_path)
        assert (code, text) == (2, "")
        assert says in errors


def test_other_settings_than_the_model_s_are_named(runs: Path, tmp_path: Path) -> None:
    report = json.loads((runs / "none" / "report.json").read_text())
    report["provenance"]["sampling"]["slots"] = 4
    (tmp_path / "report.json").write_text(json.dumps(report))
    code, text, _ = _call("compare", runs / "none", tmp_path)
    assert code == 0
    assert "slots was 16 and is 4" in text
