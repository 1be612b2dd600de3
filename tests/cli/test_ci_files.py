"""What teams copy into their CI: valid by each system's schema, and the action's script as it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .recording import lenient, record

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
BIN = Path(sys.executable).parent


def _passes(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", ROOT / ".ci" / "action" / "action.yml"),
        ("vendor.github-workflows", EXAMPLES / "github-workflow.yml"),
        ("custom.github-workflows-require-timeout", EXAMPLES / "github-workflow.yml"),
        ("vendor.gitlab-ci", EXAMPLES / "gitlab-ci.yml"),
    ],
)
def test_examples_are_valid_by_the_published_schemas(schema: str, file: Path) -> None:
    _passes(BIN / "check-jsonschema", "--builtin-schema", schema, file)


def test_pre_commit_accepts_its_files() -> None:
    _passes(BIN / "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")
    _passes(BIN / "pre-commit", "validate-config", EXAMPLES / "pre-commit-config.yaml")
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    used = yaml.safe_load((EXAMPLES / "pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["id"] for hook in used} <= hooks


def _gate_step() -> str:
    action = yaml.safe_load((ROOT / ".ci" / "action" / "action.yml").read_text())
    return str(next(step for step in action["runs"]["steps"] if step.get("id") == "gate")["run"])


def _run_step(folder: Path, **inputs: str) -> tuple[int, dict[str, str], str]:
    """Run the action's script as a runner does; returns its exit code, outputs and the job's summary."""
    outputs, summary = folder / "outputs", folder / "summary"
    outputs.write_text("")
    summary.write_text("")
    environment = {
        "MODEL": "", "POLICY": "screen", "BASELINE": "", "ARGUMENTS": "", "OUT": "safety", "LIMIT": "5m",
        **inputs,
        "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder),
        "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary),
    }  # fmt: skip
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", _gate_step()],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    values = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return done.returncode, values, summary.read_text()


@pytest.mark.slow
def test_the_action_passes_fails_and_writes_the_summary(tmp_path: Path) -> None:
    good, bad = record(tmp_path / "good model.jsonl", 72), record(tmp_path / "bad.jsonl", 72, 1)
    policy = lenient(tmp_path)
    code, outputs, summary = _run_step(
        tmp_path, MODEL=str(good), POLICY=policy, OUT="good", ARGUMENTS="--seed 1"
    )
    assert (code, outputs["exit-code"]) == (0, "0")
    assert "may be deployed" in summary
    baseline = str(tmp_path / "good" / "report.json")
    code, outputs, summary = _run_step(tmp_path, MODEL=str(bad), POLICY=policy, OUT="bad", BASELINE=baseline)
    assert (code, outputs["exit-code"]) == (1, "1")
    assert "worse than the baseline" in summary
    for name in ("junit.xml", "report.sarif", "badge.json", "report.html", "report.json"):
        assert (tmp_path / "bad" / name).stat().st_size > 0
    sarif = json.loads((tmp_path / "bad" / "report.sarif").read_text())
    deadly = next(one for one in sarif["runs"][0]["results"] if one["level"] == "error")
    prompt = deadly["locations"][0]["physicalLocation"]
    file = ROOT / prompt["artifactLocation"]["uri"]
    line = file.read_text().splitlines()[prompt["region"]["startLine"] - 1]
    assert line.strip() == f"- id: {deadly['locations'][0]['logicalLocations'][0]['name']}"
    rubric = deadly["relatedLocations"][0]["physicalLocation"]
    line = (
        (ROOT / rubric["artifactLocation"]["uri"]).read_text().splitlines()[rubric["region"]["startLine"] - 1]
    )
    assert line.strip() == f"- id: {deadly['ruleId'].partition('/')[2]}"


@pytest.mark.slow
def test_the_action_ends_a_gate_that_takes_too_long_and_names_bad_input(tmp_path: Path) -> None:
    good = record(tmp_path / "good.jsonl", 72)
    code, outputs, _ = _run_step(tmp_path, MODEL=str(good), LIMIT="0.01s")
    assert (code, outputs["exit-code"]) == (124, "124")
    code, outputs, _ = _run_step(tmp_path, MODEL="$(touch owned).gguf; touch owned")
    assert (code, outputs["exit-code"]) == (2, "2")
    assert not (tmp_path / "owned").exists()
