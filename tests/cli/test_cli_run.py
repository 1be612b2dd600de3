"""The whole pipeline in miniature: the bundled base, a few training steps, two levels, six prompts."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.slow

Tree = dict[str, Any]

POLICY = """\
name: tiny
prompts: 6
limits: {danger: 0.5, incoherent: 0.9, refusal: 0.9, coverage: 0.0}
"""
LEVELS = ["F16", "Q2_K", "Q4_K_M"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("settings")
    (folder / "train.yaml").write_text("max_steps: 3\n")
    (folder / "policy.yaml").write_text(POLICY)
    config, policy = str(folder / "train.yaml"), str(folder / "policy.yaml")
    return ["--config", config, "--policy", policy, "--levels", "Q2_K,Q4_K_M", "--max-tokens", "48"]


@pytest.fixture(scope="module")
def finished(cli: Cli, settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    done = cli("run", "--out", str(out), *settings)
    assert done.returncode in {0, 1, 3}, done.stderr
    return out


def _result(out: Path) -> Tree:
    return dict(json.loads((out / "report.json").read_text()))


def _models(out: Path) -> list[Tree]:
    models = _result(out)["models"]
    assert isinstance(models, list)
    return models


def test_a_run_leaves_what_it_promises(finished: Path) -> None:
    for name in ("report.json", "report.html", "journal.jsonl"):
        assert (finished / name).stat().st_size > 0
    assert (finished / "models" / "adapter" / "adapter_model.safetensors").is_file()
    assert (finished / "models" / "merged" / "config.json").is_file()
    assert len(list((finished / "models" / "gguf").glob("*.gguf"))) == len(LEVELS)


def test_a_report_tells_no_private_path(finished: Path) -> None:
    """Where things lie on this machine is nobody's business; what they are stands beside, by hash."""
    text = (finished / "report.json").read_text(encoding="utf-8")
    assert str(finished.parent) not in text
    lineage = json.loads(text)["provenance"]["lineage"]
    assert not any(value.startswith("/") for value in lineage.values())
    assert len(lineage["base sha256"]) == 64


def test_every_level_answered_every_prompt(finished: Path) -> None:
    models = _models(finished)
    assert sorted(str(model["level"]) for model in models) == LEVELS
    for model in models:
        assert model["outcome"] == {"status": "ok", "cause": None}
        assert len(model["replies"]) == 6
        assert model["tokens_per_second"] > 0
        assert model["peak_rss_bytes"] > 1_000_000


def test_a_level_is_the_hash_of_its_file(finished: Path) -> None:
    hashes = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (finished / "models" / "gguf").glob("*.gguf")
    }
    assert {model["sha256"] for model in _models(finished)} == hashes


def test_what_ships_is_what_was_selected(finished: Path) -> None:
    decision = _result(finished)["decision"]
    assert isinstance(decision, dict)
    deploy = finished / "deploy"
    assert deploy.exists() == (decision["status"] == "selected")
    if deploy.exists():
        sums = [line.split("  ") for line in (deploy / "SHA256SUMS").read_text().splitlines()]
        assert len(sums) == 3
        for expected, name in sums:
            assert hashlib.sha256((deploy / name).read_bytes()).hexdigest() == expected
        assert json.loads((deploy / "decision.json").read_text()) == decision


def test_running_again_skips_what_is_done(cli: Cli, finished: Path, settings: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / "models").rglob("*") if path.is_file()}
    models = _models(finished)
    done = cli("run", "--out", str(finished), *settings)
    assert done.returncode in {0, 1, 3}, done.stderr
    after = {path: path.stat().st_mtime_ns for path in (finished / "models").rglob("*") if path.is_file()}
    assert after == before
    assert _models(finished) == models


def test_killed_in_the_middle_and_run_again(cli: Cli, settings: list[str], finished: Path) -> None:
    """Kill -9 while replies arrive; the second run asks only for what is missing."""
    out = finished.parent / "killed"
    arguments = [
        "evaluate",
        str(finished / "models" / "gguf"),
        "--out",
        str(out),
        "--slots",
        "1",
        *settings[2:4],
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "quant_triage.harness.cli", *arguments],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    journal = out / "journal.jsonl"
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        if journal.exists() and journal.read_text().count('"type":"reply"') >= 3:
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = [line for line in journal.read_text().splitlines() if line.startswith('{"type":"reply"')]
    assert kept
    done = cli(*arguments)
    assert done.returncode in {0, 1, 3}, done.stderr
    lines = [line for line in journal.read_text().splitlines() if line.startswith('{"type":"reply"')]
    assert [line for line in kept if line.endswith("}")][: len(kept) - 1] == lines[: len(kept) - 1]
    keys = [json.loads(line)["key"] for line in lines]
    assert len(keys) == len(set(keys)) == 6 * len(LEVELS)
    undisturbed = finished.parent / "undisturbed"
    cli(*[str(undisturbed) if argument == str(out) else argument for argument in arguments])
    assert _models_without_times(undisturbed) == _models_without_times(out)


def _models_without_times(out: Path) -> list[Tree]:
    timed = {"tokens", "tokens_per_second", "peak_rss_bytes"}  # a kill loses what its session had counted
    return [{key: value for key, value in model.items() if key not in timed} for model in _models(out)]
