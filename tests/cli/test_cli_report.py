"""``report``: every format from a finished run, and sign-offs held against it."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .recording import lenient, record

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over recorded replies, of which one level is selected."""
    folder = tmp_path_factory.mktemp("report")
    recorded = record(folder / "replies.jsonl", 72)
    done = cli("evaluate", str(recorded), "--policy", lenient(folder), "--out", str(folder / "run"))
    assert done.returncode == 0, done.stderr
    return folder / "run"


def _signed(run: Path, **changes: object) -> Path:
    raw = (run / "report.json").read_bytes()
    result = json.loads(raw)
    (chosen,) = result["models"]
    record = {
        "schema_version": 1,
        "report_sha256": hashlib.sha256(raw).hexdigest(),
        "decision": result["decision"]["status"],
        "policy": "lenient",
        "model": {key: chosen[key] for key in ("name", "level", "sha256")},
        "statement": "approve",
        "who": "A. Lead",
        "role": "safety",
        "when": "2026-11-25T10:00:00Z",
        "note": "",
        "flags": {"confirmed": 0, "dismissed": 0, "open": 0},
    }
    path = run / "sign-off.jsonl"
    path.write_text(json.dumps({**record, **changes}) + "\n", encoding="utf-8")
    return path


def test_a_sign_off_fits_until_a_byte_changes(cli: Cli, run: Path) -> None:
    path = _signed(run)
    done = cli("report", str(run), "--sign-off", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sign_offs"][0]["faults"] == []
    (run / "deploy").mkdir()
    (run / "deploy" / "other.gguf").write_bytes(b"not what was judged")
    done = cli("report", str(run), "--sign-off", str(path))
    assert done.returncode == 1
    assert "deploy/other.gguf has the sha256" in done.stderr
    (run / "deploy" / "other.gguf").unlink()
    done = cli("report", str(run), "--sign-off", str(_signed(run, report_sha256="0" * 64)))
    assert done.returncode == 1
    assert "was given for report 0000" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "holds no sign-off"), ("{}\n", "schema_version"), (None, "cannot read")],
)
def test_bad_sign_offs_are_one_line(
    cli: Cli, run: Path, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "sign-off.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = cli("report", str(run), "--sign-off", str(path))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
