"""How a model gets to a node: by a path that both see, or in parts through Ray's object store.

Whatever the way, the file is the model only if its sha256 says so.
"""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import filelock
import numpy as np
import platformdirs
import ray

from quant_triage.data import IntegrityError, NotEnoughSpaceError, atomic_path

from ..engines import gguf_hash

PART = 128 << 20
"""Bytes of one object: a node's store holds a few, and never needs to hold a model."""

_SPARE = 1 << 30


def put_model(path: Path) -> tuple[ray.ObjectRef, ...]:
    """Put a file into the object store, part by part; it stays there as long as the references do."""
    size = path.stat().st_size
    return tuple(
        ray.put(np.fromfile(path, np.uint8, count=min(PART, size - start), offset=start))
        for start in range(0, size, PART)
    )


def find_model(path: Path, sha256: str, size: int, parts: Sequence[ray.ObjectRef]) -> Path | None:
    """Return where this node has the model: the given path, its own copy, or a copy made of ``parts`` now.

    Returns:
        ``None`` when it has none and was given no parts.

    Raises:
        NotEnoughSpaceError: No room for a copy.
        IntegrityError: The parts are not that model: its file changed meanwhile.
    """
    own = _folder() / f"{sha256}.gguf"
    for place in (path, own):
        if _is_model(place, sha256, size):
            return place
    if not parts:
        return None
    own.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(own.with_suffix(".lock")):
        if not _is_model(own, sha256, size):  # another shard may have fetched it meanwhile
            _make_room(own.parent, size)
            _write(own, parts)
    if not _is_model(own, sha256, size):
        own.unlink(missing_ok=True)
        raise IntegrityError(f"{str(path)!r} changed after it was hashed: run again")
    return own


def _is_model(path: Path, sha256: str, size: int) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_size == size and gguf_hash(path) == sha256
    return False


def _folder() -> Path:
    return platformdirs.user_cache_path("quant-triage") / "cluster"


def _write(target: Path, parts: Sequence[ray.ObjectRef]) -> None:
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        for part in parts:
            ray.get(part).tofile(file)


def _make_room(folder: Path, size: int) -> None:
    """Remove copies, the oldest first, until the disk has room for one more.

    Raises:
        NotEnoughSpaceError: It has not even then.
    """
    copies = sorted(folder.glob("*.gguf"), key=lambda copy: copy.stat().st_mtime)
    while shutil.disk_usage(folder).free < size + _SPARE:
        if not copies:
            raise NotEnoughSpaceError(f"no space left on the disk of {folder} for a model of {size} bytes")
        copies.pop(0).unlink(missing_ok=True)
