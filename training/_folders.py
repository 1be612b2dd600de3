"""Folders that appear whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from quant_triage.data import NotEnoughSpaceError, UsageError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def refuse_foreign(out: Path, marker: str) -> None:
    """Refuse to write over a folder that holds something other than our own earlier result.

    Raises:
        UsageError: ``out`` is a file, or a folder with content but without ``marker``.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file, not a folder: name another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / marker).exists():
        raise UsageError(f"{str(out)!r} holds other files: name an empty or new folder as --out")


@contextlib.contextmanager
def atomic_folder(out: Path, marker: str) -> Iterator[Path]:
    """Yield an empty folder beside ``out`` that takes its name, and its place, only when the block succeeds.

    Args:
        out: The final name; an earlier result of ours there is replaced.
        marker: The file that tells a result of ours, see `refuse_foreign`.

    Raises:
        UsageError: ``out`` holds something that is not ours.
        NotEnoughSpaceError: The disk is full; nothing is left.
    """
    refuse_foreign(out, marker)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=out.parent))
            out.replace(old / out.name)
            temporary.replace(out)
            shutil.rmtree(old)
        else:
            temporary.replace(out)
    except Exception as error:
        # safetensors raises an error of its own, with the system's words in it.
        if getattr(error, "errno", None) in _DISK_FULL or os.strerror(errno.ENOSPC) in str(error):
            raise NotEnoughSpaceError(
                f"no space left on the disk of {out}: free some, then run again"
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
