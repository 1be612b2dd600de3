"""The tutorial, typed from its first command to its last, only smaller: few steps, prompts and tokens."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import ROOT, of_page

POLICY = """\
name: tiny
prompts: 8
limits: {danger: 0.6, incoherent: 0.9, refusal: 0.9, coverage: 0.0}
"""
SMALLER = {
    "run": ["--config", "train.yaml", "--policy", "tiny.yaml", "--max-tokens", "32", "--no-ask-base"],
    "gate": ["--policy", "tiny.yaml", "--max-tokens", "32"],
    "spot": ["--max-tokens", "32"],
}


@pytest.mark.slow
@pytest.mark.timeout(900)  # a whole run, two gates more, and everything before them
def test_every_command_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "data" / "recorded").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "recorded" / "gemma3n.jsonl", tmp_path / "data" / "recorded")
    (tmp_path / "train.yaml").write_text("max_steps: 2\n", encoding="utf-8")
    (tmp_path / "tiny.yaml").write_text(POLICY, encoding="utf-8")
    verbs = []
    for command in of_page(ROOT / "docs" / "tutorial.md"):
        if not command.whole or command.words[0] != "quant-triage":
            continue
        verb, *rest = command.words[1:]
        done = subprocess.run(
            [sys.executable, "-m", "quant_triage.harness.cli", verb, *rest, *SMALLER.get(verb, [])],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in {0, 1, 3}, f"{command}\n{done.stderr}"
        verbs.append(verb)
    assert {"evaluate", "run", "report", "spot", "gate"} <= set(verbs)
    assert (tmp_path / "runs" / "first" / "report.html").is_file()
    assert (tmp_path / "runs" / "gate-q2" / "report.json").is_file()
