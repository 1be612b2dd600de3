"""Writers leave the old file or the new one, on a full disk too."""

import errno
import os
import resource
from pathlib import Path

import pytest

from quant_triage.data import NotEnoughSpaceError, append_line, atomic_path, atomic_write

OLD = "the old content"
TWO_MEGABYTES = b"x" * (2 << 20)


def _names(folder: Path) -> list[str]:
    """All names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def test_atomic_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    atomic_write(path, OLD)
    atomic_write(path, b"new \xff bytes")
    assert path.read_bytes() == b"new \xff bytes"
    assert _names(path.parent) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write(path, OLD)
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("half", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == OLD
        temporary.write_text("whole", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "whole"


def test_a_failure_inside_the_block_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write(path, OLD)

    def write_half_and_fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        write_half_and_fail()
    assert path.read_text(encoding="utf-8") == OLD
    assert _names(tmp_path) == ["file"]


def test_a_full_disk_keeps_the_old_file_and_no_part_of_the_new(megabyte_disk: Path) -> None:
    path = megabyte_disk / "report.json"
    atomic_write(path, OLD)
    with pytest.raises(NotEnoughSpaceError) as error:
        atomic_write(path, TWO_MEGABYTES)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert _names(megabyte_disk) == ["report.json"]
    assert path.read_text(encoding="utf-8") == OLD
    atomic_write(path, "there is room again")
    assert path.read_text(encoding="utf-8") == "there is room again"


def test_a_full_disk_leaves_no_part_of_a_first_file(megabyte_disk: Path) -> None:
    with pytest.raises(NotEnoughSpaceError):
        atomic_write(megabyte_disk / "report.json", TWO_MEGABYTES)
    assert _names(megabyte_disk) == []


def test_a_disk_out_of_inodes_is_full_too(three_file_disk: Path) -> None:
    for name in ("first", "second"):
        atomic_write(three_file_disk / name, OLD)
    with pytest.raises(NotEnoughSpaceError):
        atomic_write(three_file_disk / "second", "new")
    with pytest.raises(NotEnoughSpaceError):
        atomic_write(three_file_disk / "folder" / "third", "new")
    assert _names(three_file_disk) == ["first", "second"]
    assert (three_file_disk / "second").read_text(encoding="utf-8") == OLD


def test_a_write_cut_off_midway_keeps_the_old_file(tmp_path: Path) -> None:
    """The same without root: the kernel stops the write at a file size limit."""
    path = tmp_path / "report.json"
    atomic_write(path, OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            atomic_write(path, TWO_MEGABYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG
    assert _names(tmp_path) == ["report.json"]
    assert path.read_text(encoding="utf-8") == OLD


def test_append_line_adds_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for text in ("one", "zwei é", ""):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        append_line(descriptor, text)
        os.close(descriptor)
    assert path.read_text(encoding="utf-8") == "one\nzwei é\n\n"


def test_appending_to_a_full_disk_loses_no_earlier_line(megabyte_disk: Path) -> None:
    path = megabyte_disk / "journal.jsonl"
    line = "y" * 10_000
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    written = 0

    def fill() -> None:
        nonlocal written
        for _ in range(1000):
            append_line(descriptor, line)
            written += 1

    try:
        with pytest.raises(NotEnoughSpaceError, match="no space left"):
            fill()
    finally:
        os.close(descriptor)
    *whole, partial = path.read_text(encoding="utf-8").split("\n")
    assert written == len(whole) > 50
    assert set(whole) == {line}
    assert line.startswith(partial)
    assert len(partial) < len(line)


def test_appending_to_the_full_device_says_so() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(NotEnoughSpaceError, match="no space left"):
            append_line(descriptor, "anything")
    finally:
        os.close(descriptor)


def test_appending_to_a_closed_file_is_not_called_a_full_disk(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "journal.jsonl", os.O_WRONLY | os.O_CREAT)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        append_line(descriptor, "anything")
