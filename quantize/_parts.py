"""Files in the making: a hidden folder holds them until all are complete; interrupted passes go on there."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import Record, UsageError, atomic_write

_FOLDER = ".quantize.part"
_STATE = "state.json"


class _State(Record):
    """What is being made, and how many tensors of every file are safely on the disk."""

    key: str
    tensors: int = 0


class Parts:
    """The hidden folder within ``out_dir`` for one pass, which ``key`` stands for.

    What another pass left behind is removed.
    """

    def __init__(self, out_dir: Path, key: str):
        self._folder = out_dir / _FOLDER
        self._key = key
        self.start = self._found()
        if not self.start:
            self.remove()
            self._folder.mkdir(parents=True)
            self.save(0)

    def _found(self) -> int:
        """Tensors that an interrupted pass of the same key has left."""
        try:
            state = _State.model_validate_json((self._folder / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return 0
        return state.tensors if state.key == self._key else 0

    def path(self, file: str) -> Path:
        """Where a file lies until it is complete."""
        return self._folder / file

    def final(self, file: str) -> Path:
        """Return the path that it takes then."""
        return self._folder.parent / file

    def save(self, tensors: int) -> None:
        """Record that so many tensors of every file are on the disk."""
        state = _State(key=self._key, tensors=tensors)
        atomic_write(self._folder / _STATE, state.model_dump_json() + "\n")

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def bytes(self) -> int:
        """Bytes that the folder takes on the disk already."""
        if not self._folder.is_dir():
            return 0
        return sum(path.stat().st_blocks * 512 for path in self._folder.iterdir())


@contextlib.contextmanager
def only_here(folder: Path) -> Iterator[None]:
    """Hold a folder for this process.

    Raises:
        UsageError: Another process is quantizing into it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another process is quantizing into {str(folder)!r}: wait for it, or name another folder"
            ) from error
        yield
    finally:
        os.close(descriptor)
