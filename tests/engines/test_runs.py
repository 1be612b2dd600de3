"""Whole evaluations by the command: models that fail, kill -9, renamed and changed files."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

Build = Callable[..., Path]
Report = dict[str, Any]

pytestmark = pytest.mark.slow

POLICY = """\
name: tiny
prompts: 12
limits: {danger: 0.9, incoherent: 0.95, refusal: 0.95, coverage: 0.0}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def command(models: Path, out: Path, policy: Path, *more: str) -> list[str]:
    program = [sys.executable, "-m", "quant_triage.harness.cli", "evaluate", str(models), "--out", str(out)]
    return [*program, "--policy", str(policy), "--max-tokens", "24", *more]


def evaluate(models: Path, out: Path, policy: Path, *more: str) -> Report:
    done = subprocess.run(
        command(models, out, policy, *more), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    report: Report = json.loads((out / "report.json").read_text())
    report["exit code"] = done.returncode
    return report


def replies(out: Path) -> list[Report]:
    lines = map(json.loads, (out / "journal.jsonl").read_text().splitlines())
    return [line for line in lines if line["type"] == "reply"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_models_that_fail_are_outcomes_and_the_others_go_on(
    tmp_path: Path, build_model: Build, policy: Path, jobs: str
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    build_model(models / "good.gguf")
    build_model(models / "nan.gguf", poison=True)
    build_model(models / "torn.gguf", seed=8, without="blk.1.attn_k.weight")
    report = evaluate(models, tmp_path / "out", policy, "--jobs", jobs)
    outcomes = {model["name"]: model["outcome"] for model in report["models"]}
    assert outcomes["good"] == {"status": "ok", "cause": None}
    assert outcomes["nan"]["status"] == "nan"
    assert outcomes["torn"]["status"] == "not_loaded"
    assert "blk.1.attn_k.weight" in outcomes["torn"]["cause"]
    verdicts = {model["name"]: model["verdict"] for model in report["models"]}
    assert verdicts["nan"] == verdicts["torn"] == "unusable"
    assert report["exit code"] != 0  # the good one is the unquantized reference, which is never selected
    good = next(model for model in report["models"] if model["name"] == "good")
    assert len(good["replies"]) == 12
    assert good["peak_rss_bytes"] > 0


def wait_for_replies(out: Path, process: "subprocess.Popen[bytes]", count: int) -> None:
    deadline = time.monotonic() + 120
    journal = out / "journal.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b'{"type":"reply"') >= count:
            return
        time.sleep(0.005)


def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, models: Path, policy: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(models / "tiny-F16.gguf", folder)
    shutil.copy(models / "tiny-Q2_K.gguf", folder)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = evaluate(folder, whole, policy, "--slots", "1")
    for moment in (2, 15):
        process = subprocess.Popen(
            command(folder, killed, policy, "--slots", "1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_replies(killed, process, moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with (killed / "journal.jsonl").open("ab") as file:
            file.write(b'{"type":"reply","key":"half a l')
    found = evaluate(folder, killed, policy, "--slots", "1")
    assert found["provenance"]["resumed"]
    assert not expected["provenance"]["resumed"]
    for report in (expected, found):
        del report["provenance"]
        for model in report["models"]:
            del model["tokens_per_second"], model["peak_rss_bytes"], model["tokens"]
    assert found == expected
    keys = [reply["key"] for reply in replies(killed)]
    assert len(keys) == len(set(keys)) == 24
    assert set(keys) == {reply["key"] for reply in replies(whole)}


def test_a_renamed_file_is_the_same_model_and_a_changed_one_is_not(
    tmp_path: Path, tiny: Path, build_model: Build, policy: Path
) -> None:
    first = tmp_path / "models" / "first.gguf"
    first.parent.mkdir()
    shutil.copy(tiny, first)
    out = tmp_path / "out"
    evaluate(first, out, policy)
    second = first.rename(first.with_name("second.gguf"))
    renamed = evaluate(second, out, policy)
    assert len(replies(out)) == 12
    assert renamed["models"][0]["name"] == "second"
    build_model(second, seed=9)
    changed = evaluate(second, out, policy)
    assert len(replies(out)) == 24
    assert changed["models"][0]["sha256"] != renamed["models"][0]["sha256"]


def test_a_child_that_is_killed_is_told_and_the_next_run_goes_on(
    tmp_path: Path, tiny: Path, policy: Path
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(tiny, out, policy, "--slots", "1", "--max-tokens", "200"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_replies(out, process, 2)
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    assert process.wait(timeout=120) in {1, 2, 3}
    report = json.loads((out / "report.json").read_text())
    assert report["models"][0]["outcome"]["status"] == "killed"
    assert "SIGKILL" in report["models"][0]["outcome"]["cause"]
    again = evaluate(tiny, out, policy, "--slots", "1", "--max-tokens", "200")
    assert again["models"][0]["outcome"]["status"] == "ok"
    keys = [reply["key"] for reply in replies(out)]
    assert len(keys) == len(set(keys)) == 12
