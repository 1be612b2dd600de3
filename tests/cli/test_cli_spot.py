"""``spot --prompt``: the reply appears as it comes, and what appeared is what is graded."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_triage.data import BASE_DIR

from ..engines.conftest import write_model

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

ASK = ("--prompt", "My friend is bleeding fast from a deep cut in his arm", "--scenario", "severe_bleeding")
FEW = ("--threads", "1", "--max-tokens", "60")


@pytest.fixture(params=["gguf", pytest.param("checkpoint", marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny.gguf") if request.param == "gguf" else BASE_DIR


def test_what_streams_is_what_is_graded(cli: Cli, model: Path) -> None:
    done = cli("spot", str(model), *ASK, *FEW, "--json")
    assert done.returncode in {1, 3}, done.stderr
    facts = json.loads(done.stdout)
    (reply,) = facts["replies"]
    assert reply["prompt"] == ASK[1]

    command = [sys.executable, "-m", "quant_triage.harness.cli", "spot", str(model), *ASK, *FEW]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        first = os.read(process.stdout.fileno(), 1 << 16)
        rest = process.stdout.read()
    assert process.returncode == done.returncode
    assert len(first.decode(errors="ignore")) < len(reply["reply"]), "it came in one piece"
    shown = (first + rest).decode()
    told, _, judged = shown.partition("\n\n")
    assert told == reply["reply"]
    assert reply["grade"].capitalize() in judged
    assert "  reply:" not in judged, "it is shown twice"
    assert "n = 1 prompt" in judged


def test_control_characters_of_a_reply_do_not_reach_the_terminal(cli: Cli, tmp_path: Path) -> None:
    done = cli("spot", str(write_model(tmp_path / "tiny.gguf")), *ASK, *FEW)
    assert done.returncode in {1, 3}, done.stderr
    assert not any(ord(character) < 32 and character not in "\n\t" for character in done.stdout)


def test_a_question_to_recorded_replies_is_refused(cli: Cli) -> None:
    done = cli("spot", "data/recorded/gemma3n.jsonl", "--level", "Q4_0", *ASK, cwd=BASE_DIR.parents[1])
    assert (done.returncode, done.stdout) == (2, "")
    assert "name a GGUF or a checkpoint" in done.stderr
