"""A disk that is really full."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _mounted(folder: Path, options: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a small disk here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


@pytest.fixture
def megabyte_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    yield from _mounted(tmp_path / "megabyte", "size=1m")


@pytest.fixture
def three_file_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for its root and two files, whatever their size."""
    yield from _mounted(tmp_path / "three", "size=1m,nr_inodes=3")
