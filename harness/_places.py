"""Where each of many keyed things lies: numbers by key, kept in a file and not in memory."""

import sqlite3
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
        return self._execute("INSERT OR IGNORE INTO place VALUES (?, ?)", number, key).rowcount == 1

    def _execute(self, line: str, *values: int | str) -> sqlite3.Cursor:
        try:
            return self._table.execute(line, values)
        except sqlite3.OperationalError as error:
            raise NotEnoughSpaceError(
                f"no room for a temporary file ({error}): free some space, then run again"
            ) from error

    def count(self, key: str) -> int:
        """Count a key up by one, and tell how often it was counted before.

        Raises:
            NotEnoughSpaceError: The disk is full.
        """
        found = self._execute(
            "INSERT INTO place VALUES (0, ?) ON CONFLICT DO UPDATE SET number = number + 1 RETURNING number",
            key,
        )
        return int(found.fetchall()[0][0])

    def sorted(self) -> Iterator[str]:
        """The keys in alphabetical order."""
        return (key for (key,) in self._table.execute("SELECT key FROM place ORDER BY key"))

    def __getitem__(self, key: str) -> int:
        found = self._table.execute("SELECT number FROM place WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return int(found[0])

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._table.execute("SELECT key FROM place ORDER BY rowid"))

    def __len__(self) -> int:
        return int(self._table.execute("SELECT count(*) FROM place").fetchone()[0])
