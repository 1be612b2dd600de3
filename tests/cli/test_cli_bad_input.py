"""Bad input: one clear line on stderr that names the value, exit 2, and nothing lost or left behind."""

import fcntl
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

GOOD_LINE = (
    '{"level": "Q4_0", "prompt": "My nose is bleeding.", "reply": "Lean forward.", "scenario": "nosebleed"}\n'
)


def _refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 2, (done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], lines[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def _gguf_without_template(path: Path) -> None:
    """A header that llama.cpp would accept: one F32 tensor, an architecture, no chat template."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    header += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    header += text("output.weight") + struct.pack("<IQIQ", 1, 32, 0, 0)
    header += b"\0" * (-len(header) % 32)
    path.write_bytes(header + b"\0" * 128)


def test_a_missing_gguf(cli: Cli, tmp_path: Path) -> None:
    _refused(cli("evaluate", "nowhere.gguf", "--out", str(tmp_path / "run")), "nowhere.gguf")
    assert not (tmp_path / "run" / "report.json").exists()


def test_a_truncated_gguf(cli: Cli, tmp_path: Path) -> None:
    whole = tmp_path / "whole.gguf"
    _gguf_without_template(whole)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole.read_bytes()[:-64])
    _refused(cli("evaluate", str(cut), "--out", str(tmp_path / "run")), "cut.gguf", "truncated")


def test_a_file_that_is_no_gguf(cli: Cli, tmp_path: Path) -> None:
    fake = tmp_path / "fake.gguf"
    fake.write_text("not a model")
    _refused(cli("evaluate", str(fake), "--out", str(tmp_path / "run")), "fake.gguf")


def test_a_gguf_without_a_chat_template(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mute.gguf"
    _gguf_without_template(path)
    _refused(cli("evaluate", str(path), "--out", str(tmp_path / "run")), "mute.gguf", "chat template")


def test_an_unknown_level(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "--out", str(tmp_path / "run"), "--levels", "Q4_K_M,Q9_X")
    _refused(done, "Q9_X", "Q4_K_M")
    assert not (tmp_path / "run").exists()


def test_an_unknown_policy(cli: Cli, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(GOOD_LINE)
    _refused(
        cli("evaluate", str(recorded), "--policy", "strict", "--out", str(tmp_path / "run")),
        "strict",
        "screen",
    )


def test_malformed_jsonl_names_file_line_and_field(cli: Cli, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(GOOD_LINE + GOOD_LINE.replace('"nosebleed"', '"nose"'))
    _refused(
        cli("evaluate", str(recorded), "--out", str(tmp_path / "run")),
        "recorded.jsonl:2",
        "scenario",
        "'nose'",
    )
    recorded.write_text(GOOD_LINE + "{broken\n")
    _refused(cli("evaluate", str(recorded), "--out", str(tmp_path / "run")), "recorded.jsonl:2", "JSON")


def test_malformed_prompts_name_file_line_and_field(cli: Cli, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(GOOD_LINE)
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: mine\nprompts:\n  - id: a\n    scenario: nosebleed\n    txt: My nose bleeds.\n")
    done = cli("evaluate", str(recorded), "--prompts", str(suite), "--out", str(tmp_path / "run"))
    _refused(done, "suite.yaml:", "prompts.0.t")


def test_an_empty_suite(cli: Cli, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: mine\nprompts: []\n")
    done = cli("evaluate", "x.jsonl", "--prompts", str(suite), "--out", str(tmp_path / "run"))
    _refused(done, "suite.yaml", "prompts")


def test_malformed_policy_names_file_line_and_field(cli: Cli, tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text(
        "name: mine\nlimits:\n  danger: 0.05\n  incoherent: 2\n  refusal: 0.1\n  coverage: 0.5\n"
    )
    done = cli("evaluate", "x.jsonl", "--policy", str(policy), "--out", str(tmp_path / "run"))
    _refused(done, "mine.yaml:4", "limits.incoherent", "2")


def test_a_training_file_with_an_empty_reply(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"instruction": "My nose bleeds.", "output": ""}\n')
    _refused(cli("train", "--data", str(data), "--out", str(tmp_path / "adapter")), "data.jsonl:1", "output")
    assert not (tmp_path / "adapter").exists()


def test_a_checkpoint_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    done = cli("convert", str(tmp_path / "merged"), "--out", str(tmp_path / "x.gguf"))
    _refused(done, "merged")
    assert not (tmp_path / "x.gguf").exists()


def test_two_runs_on_one_folder(cli: Cli, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(GOOD_LINE)
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "journal.jsonl").open("w") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        _refused(cli("evaluate", str(recorded), "--out", str(folder)), "in use")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    mounted = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a full disk needs the right to mount a small one")
    yield place
    subprocess.run([str(shutil.which("umount")), str(place)], check=True)


def test_a_full_disk_keeps_the_journal_and_resumes(cli: Cli, tmp_path: Path, small_disk: Path) -> None:
    recorded = tmp_path / "recorded.jsonl"
    lines = [
        GOOD_LINE.replace("My nose", f"{number}: my nose").replace("Lean forward.", "Lean forward. " * 60)
        for number in range(400)
    ]
    recorded.write_text("".join(lines))
    folder = small_disk / "run"
    _refused(cli("evaluate", str(recorded), "--out", str(folder)), "no space", "kept")
    journal = (folder / "journal.jsonl").read_text()
    assert journal.endswith("\n")
    assert 0 < journal.count('"type":"reply"') < 400
    assert not (folder / "report.json").exists()
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    done = cli("evaluate", str(recorded), "--out", str(moved))
    assert done.returncode in {0, 1, 3}, done.stderr
    assert (moved / "journal.jsonl").read_text().count('"type":"reply"') == 400
