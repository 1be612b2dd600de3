"""The journal: what survives kill -9, a full disk, two writers and a damaged line."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from quant_triage.data import IntegrityError, NotEnoughSpaceError, UsageError
from quant_triage.harness._journal import Journal, ModelEnd, Plan, read_journal
from quant_triage.harness._records import Outcome, Reply, Speed

WRITER = """
import sys
from pathlib import Path
from quant_triage.harness._journal import Journal
from quant_triage.harness._records import Reply
with Journal(Path(sys.argv[1])) as journal:
    for number in range(1_000_000):
        if f"key-{number}" in journal.done:
            continue
        journal.reply(Reply(key=f"key-{number}", model="a", prompt_id="q", scenario="shock", sample=0,
                            prompt="p", reply="r" * 3000, finish_reason="stop", tokens=1, seconds=0))
        print(number, flush=True)
"""


def reply(number: int, text: str = "press hard") -> Reply:
    return Reply(
        key=f"key-{number}",
        model="a" * 64,
        prompt_id=f"q-{number}",
        scenario="shock",
        sample=0,
        prompt=f"what {number}",
        reply=text,
        finish_reason="stop",
        tokens=3,
        seconds=0.5,
    )


def plan(count: int) -> Plan:
    return Plan.of("suite", {"a" * 64: "m"}, [f"key-{number}" for number in range(count)])


def names(count: int) -> list[tuple[str, str]]:
    return [(f"key-{number}", f"m on q-{number}") for number in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.jsonl"


def test_a_whole_run(path: Path) -> None:
    with Journal(path) as journal:
        journal.plan(plan(3))
        assert not journal.resumed
        for number in range(3):
            assert not journal.is_complete(plan(3))
            journal.reply(reply(number, f"line one\nline two é {number}"))
        journal.outcome(
            ModelEnd(model="a" * 64, name="m", outcome=Outcome(status="ok"), speed=Speed(tokens=9))
        )
        journal.verify(names(3))
        journal.complete(plan(3))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["type"] for line in lines] == [
        "session", "plan", "reply", "reply", "reply", "outcome", "complete",
    ]  # fmt: skip
    with Journal(path) as journal:
        assert journal.resumed
        assert journal.done == {"key-0", "key-1", "key-2"}
        assert journal.is_complete(plan(3))
        assert not journal.is_complete(plan(4))
        assert [one.reply for one in journal.find(["key-1"])] == ["line one\nline two é 1"]
        assert journal.ends()["a" * 64].speed.tokens == 9


@pytest.mark.parametrize("cut", [1, 40, 150])
def test_a_half_written_last_line_is_dropped(path: Path, cut: int) -> None:
    with Journal(path) as journal:
        for number in range(3):
            journal.reply(reply(number))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert len(list(read_journal(path, Reply))) == 2
    with Journal(path) as journal:
        assert journal.done == {"key-0", "key-1"}
        journal.reply(reply(2))
        journal.verify(names(3))
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "line", ["{}", "null", "7", '{"type":"reply"}', '{"type":"new"}', "\x00\x00", "[" * 5000]
)
def test_a_damaged_line_is_named_and_nothing_is_changed(path: Path, line: str) -> None:
    with Journal(path) as journal:
        journal.reply(reply(0))
    with path.open("a") as file:
        file.write(line + "\n")
    before = path.read_bytes()
    with pytest.raises(IntegrityError, match=r"journal\.jsonl:3: is not a line of a journal"):
        Journal(path)
    assert path.read_bytes() == before
    path.write_bytes(b"".join(before.splitlines(keepends=True)[:2]))
    Journal(path).close()  # the lock was given back


def test_lines_that_another_program_wrote_count_too(path: Path) -> None:
    with Journal(path) as journal:
        journal.reply(reply(0))
    with path.open("a") as file:
        file.write(json.dumps({**reply(1).model_dump(), "type": "reply"}) + "\n")
    with Journal(path) as journal:
        journal.verify(names(2))


def test_missing_and_doubled_replies_are_named(path: Path) -> None:
    with Journal(path) as journal:
        for number in (0, 2):
            journal.reply(reply(number))
        with pytest.raises(
            IntegrityError, match="1 of 3 planned replies are missing, the first of them m on q-1"
        ):
            journal.verify(names(3))
        with pytest.raises(IntegrityError, match="generated twice"):
            journal.reply(reply(2))
        journal.verify([("key-0", "m on q-0"), ("key-2", "m on q-2")])
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines(keepends=True)[-1])
    with Journal(path) as journal, pytest.raises(IntegrityError, match="1 of 1 planned replies are doubled"):
        journal.verify([("key-2", "m on q-2")])


def test_replies_of_another_plan_do_no_harm(path: Path) -> None:
    with Journal(path) as journal:
        journal.plan(plan(5))
        for number in range(5):
            journal.reply(reply(number))
        journal.complete(plan(5))
        journal.plan(plan(2))
        journal.verify(names(2))
        assert not journal.is_complete(plan(2))
        assert len(list(journal.find(key for key, _ in names(2)))) == 2


def test_speed_adds_up_over_sessions_and_the_last_outcome_counts(path: Path) -> None:
    for status, speed in (
        ("crashed", Speed(tokens=10, seconds=1, load_seconds=3, first_token_seconds=0.2, peak_rss_bytes=50)),
        ("ok", Speed(tokens=30, seconds=3, load_seconds=2, first_token_seconds=0.9, peak_rss_bytes=40)),
    ):
        with Journal(path) as journal:
            outcome = Outcome.model_validate({"status": status})
            journal.outcome(ModelEnd(model="a" * 64, name="m", outcome=outcome, speed=speed))
            end = journal.ends()["a" * 64]
    assert end.outcome.status == "ok"
    assert end.speed == Speed(
        tokens=40, seconds=4, load_seconds=3, first_token_seconds=0.2, peak_rss_bytes=50
    )


def test_a_second_writer_is_told_who_and_stops(path: Path) -> None:
    with Journal(path):
        done = subprocess.run(
            [sys.executable, "-c", WRITER, str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert f"is in use by process {os.getpid()}" in done.stderr.splitlines()[-1]
        with pytest.raises(UsageError, match="in use"):
            Journal(path)
        assert len(path.read_text().splitlines()) == 1
    Journal(path).close()


def test_kill_9_again_and_again_loses_and_doubles_nothing(path: Path) -> None:
    told = -1
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            for line in writer.stdout:
                told = int(line)
                if told % 50 == 49:
                    writer.send_signal(signal.SIGKILL)
        with Journal(path) as journal:  # the lock died with its owner
            assert journal.done >= {f"key-{number}" for number in range(told + 1)}
            journal.verify((key, key) for key in journal.done)
    assert told >= 149


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    yield folder
    subprocess.run(["/bin/umount", str(folder)], check=True)


def test_a_full_disk_stops_cleanly_and_the_run_goes_on_once_there_is_room(small_disk: Path) -> None:
    path = small_disk / "journal.jsonl"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))

    def fill(journal: Journal) -> None:
        for number in range(1000):
            journal.reply(reply(number, "x" * 5000))

    with Journal(path) as journal:
        with pytest.raises(NotEnoughSpaceError, match=r"journal\.jsonl.* replies are kept"):
            fill(journal)
        kept = len(journal.done)
        assert journal.done == {f"key-{number}" for number in range(kept)}
    assert kept > 10
    assert path.read_bytes().endswith(b"}\n")
    ballast.unlink()
    with Journal(path) as journal:
        assert len(journal.done) == kept
        journal.reply(reply(kept, "x" * 5000))
        journal.verify(names(kept + 1))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot open"):
        Journal(tmp_path / "file" / "journal.jsonl")


def test_reading_takes_no_lock_and_little_memory(path: Path) -> None:
    with Journal(path) as journal:
        for number in range(3000):
            journal.reply(reply(number, "x" * 3000))
        tracemalloc.start()
        assert sum(len(one.reply) for one in read_journal(path, Reply)) == 9_000_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_reader_sees_every_reply_at_once(path: Path) -> None:
    with Journal(path) as journal:
        journal.reply(reply(0))
        assert [one.key for one in read_journal(path, Reply)] == ["key-0"]
        with path.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
