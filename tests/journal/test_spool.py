"""Replies in files: any number of them in little memory, and reports written from there."""

import gc
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from quant_triage.harness._journal import Journal
from quant_triage.harness._records import Reply
from quant_triage.harness._spool import Spool, View


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


def spooled(count: int, text: str = "press hard") -> Spool[Reply]:
    spool = Spool(Reply)
    for number in range(count):
        spool.append(reply(number, text))
    return spool


def open_files() -> list[Path]:
    return list(Path("/proc/self/fd").iterdir())


def test_a_spool_is_a_sequence() -> None:
    spool = spooled(5, "é\nline two ☃")
    assert len(spool) == 5
    assert [one.key for one in spool] == [f"key-{number}" for number in range(5)]
    assert spool[-1] == spool[4] == reply(4, "é\nline two ☃")
    assert [one.key for one in spool[1:4:2]] == ["key-1", "key-3"]
    with pytest.raises(IndexError):
        spool[5]
    spool.append(reply(5))
    assert spool[5] == reply(5)
    assert spool[4].key == "key-4"
    assert not list(spooled(0))


def test_a_view_equals_what_it_shows() -> None:
    view: Sequence[str] = View(spooled(3), lambda one: one.key)
    whole: Sequence[str] = ("key-0", "key-1", "key-2")
    assert view == whole
    assert whole == view
    assert view != whole[:2]
    assert view != object()
    assert list(view[1:]) == ["key-1", "key-2"]


def test_memory_does_not_grow_with_the_replies() -> None:
    tracemalloc.start()
    spool = spooled(2000, "x" * 3000)
    assert sum(len(one.reply) for one in spool) == 6_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


def test_the_file_goes_with_the_spool() -> None:
    before = open_files()
    spool = spooled(2)
    assert len(open_files()) > len(before)
    del spool
    gc.collect()
    assert len(open_files()) <= len(before)


def test_a_journal_finds_replies_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for number in range(4):
            journal.reply(reply(number, f"é {number}"))
    with Journal(path) as journal:
        journal.reply(reply(4))
        found = list(journal.find(["key-4", "key-1", "absent", "key-0"]))
    assert [one.key for one in found] == ["key-4", "key-1", "key-0"]
    assert found[1].reply == "é 1"
