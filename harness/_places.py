"""Where each of many keyed things lies: numbers by key, kept in a file and not in memory."""

import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping

from quant_triage.data import NotEnoughSpaceError


class Places(Mapping[str, int]):
    """A number for each key, in order of entry; a few bytes of memory, however many there are.

    The file lies in the system's temporary folder and goes with the object. Threads may share it.
    """

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._table.close)
        self._lock = threading.Lock()  # from Python 3.13 on, a shared connection does not guard itself
        for line in (
            "PRAGMA journal_mode = OFF",
            "CREATE TABLE place (number INTEGER NOT NULL, key TEXT NOT NULL UNIQUE)",
        ):
            self._table.execute(line)

    def add(self, key: str, number: int) -> bool:
        """Enter a key, and tell whether it is new; one that is there already keeps its number.

        Raises:
            NotEnoughSpaceError: The disk is full.
        """
        return bool(self._rows("INSERT OR IGNORE INTO place VALUES (?, ?) RETURNING number", number, key))

    def _rows(self, line: str, *values: int | str) -> list[tuple[int]]:
        try:
            with self._lock:
                return self._table.execute(line, values).fetchall()
        except sqlite3.OperationalError as error:
            raise NotEnoughSpaceError(
                f"no room for a temporary file ({error}): free some space, then run again"
            ) from error

    def count(self, key: str) -> int:
        """Count a key up by one, and tell how often it was counted before.

        Raises:
            NotEnoughSpaceError: The disk is full.
        """
        found = self._rows(
            "INSERT INTO place VALUES (0, ?) ON CONFLICT DO UPDATE SET number = number + 1 RETURNING number",
            key,
        )
        return int(found[0][0])

    def sorted(self) -> Iterator[str]:
        """The keys in alphabetical order."""
        return (key for (key,) in self._table.execute("SELECT key FROM place ORDER BY key"))

    def __getitem__(self, key: str) -> int:
        found = self._rows("SELECT number FROM place WHERE key = ?", key)
        if not found:
            raise KeyError(key)
        return int(found[0][0])

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._table.execute("SELECT key FROM place ORDER BY rowid"))

    def __len__(self) -> int:
        return int(self._rows("SELECT count(*) FROM place")[0][0])
