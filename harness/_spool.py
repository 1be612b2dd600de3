"""Records in a file instead of in memory: a sequence of any length that holds eight bytes for each."""

import os
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar, overload

from quant_triage.data import Record, append_line

R = TypeVar("R", bound=Record)
S = TypeVar("S")
T = TypeVar("T")


class Spool(Sequence[R], Generic[R]):
    """Append-only; the file has no name and goes with the object.

    Args:
        kind: Class of the records.
        folder: Where the file lies; the system's temporary folder unless given.
    """

    def __init__(self, kind: type[R], folder: Path | None = None):
        self._kind = kind
        with tempfile.TemporaryFile(dir=folder) as file:
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._starts = array("Q")
        self._end = 0

    def append(self, record: R) -> None:
        """Add a record at the end.

        Raises:
            NotEnoughSpaceError: The disk is full.
        """
        line = record.model_dump_json()
        append_line(self._file, line)
        self._starts.append(self._end)
        self._end += len(line.encode()) + 1

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[R]: ...
    def __getitem__(self, index: int | slice) -> R | Sequence[R]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        start = self._starts[index]
        after = index % len(self) + 1
        end = self._starts[after] if after < len(self) else self._end
        return self._kind.model_validate_json(os.pread(self._file, end - start, start))

    def __iter__(self) -> Iterator[R]:
        return (self[place] for place in range(len(self)))


class View(Sequence[T], Generic[S, T]):
    """Each item of a sequence in another form, made when it is looked at."""

    def __init__(self, items: Sequence[S], form: Callable[[S], T]):
        self._items, self._form = items, form

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._form(item) for item in self._items[index]]
        return self._form(self._items[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._form, self._items)

    def __eq__(self, other: object) -> bool:
        """Equal to any sequence of equal things, such as the tuple that was read back."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]
