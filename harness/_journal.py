"""The journal of a run: append-only, one line each, flushed as it arrives, never read whole.

Lines are JSON objects with a ``type``: ``session`` (a process began to write), ``plan`` (what was to be
done), ``reply``, ``outcome`` (how a model's run ended) and ``complete`` (written last).
"""

import datetime
import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator, KeysView, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from quant_triage.data import (
    IntegrityError,
    NotEnoughSpaceError,
    Record,
    UsageError,
    append_line,
    sha256_texts,
)

from ._places import Places
from ._records import Outcome, Reply, Speed


class Session(Record):
    """A process opened the journal to write."""

    pid: int
    started: str


class Plan(Record):
    """What a run sets out to do.

    Attributes:
        suite: Identity of the prompts.
        models: Name of each model by sha256.
        replies: How many replies are planned.
        keys: Hash over their keys.
        stopped_at: For each model, by sha256, that was stopped before its end, how many replies it gave.
    """

    suite: str
    models: dict[str, str]
    replies: int = Field(ge=0)
    keys: str
    stopped_at: dict[str, int] = {}

    @classmethod
    def of(cls, suite: str, models: Mapping[str, str], keys: Iterable[str]) -> Self:
        """Describe a plan by the keys of its replies, in any order."""
        distinct = Places()
        for key in keys:
            distinct.add(key, 0)
        sha256 = sha256_texts(distinct.sorted())
        return cls(suite=suite, models=dict(models), replies=len(distinct), keys=sha256)


class ModelEnd(Record):
    """How one model's run ended, and what it took; a resumed model has several."""

    model: str
    name: str
    outcome: Outcome
    speed: Speed


class Complete(Record):
    """The plan with these keys is done."""

    keys: str


Line = Session | Plan | Reply | ModelEnd | Complete
L = TypeVar("L", bound=Line)

_TYPES: dict[str, type[Line]] = {
    "session": Session,
    "plan": Plan,
    "reply": Reply,
    "outcome": ModelEnd,
    "complete": Complete,
}
_NAMES: dict[type[Record], str] = {kind: name for name, kind in _TYPES.items()}
# As we write them, lines begin with their type, so those of other kinds need not be parsed.
_STARTS = {kind: f'{{"type":"{name}",'.encode() for kind, name in _NAMES.items()}
_OURS = tuple(_STARTS.values())


def journal_schema() -> dict[str, object]:
    """Return the JSON Schema of one line: its ``type`` says which of the records the rest of it holds."""
    schema: dict[str, object] = TypeAdapter(Line).json_schema(ref_template="#/$defs/{model}")
    definitions = schema["$defs"]
    for name, kind in _TYPES.items():
        record = definitions[kind.__name__]  # type: ignore[index]
        record["properties"] = {"type": {"type": "string", "const": name}, **record["properties"]}
        record["required"] = ["type", *record.get("required", [])]
    return {**schema, "title": "Line", "description": __doc__.partition("\n")[0] if __doc__ else ""}


def _encode(line: Line) -> str:
    return f'{{"type":"{_NAMES[type(line)]}",{line.model_dump_json()[1:]}'


def _decode(path: Path, number: int, raw: bytes) -> Line:
    try:
        fields = json.loads(raw)
        return _TYPES[fields.pop("type")].model_validate(fields)
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError, RecursionError) as error:
        raise IntegrityError(
            f"{path}:{number}: is not a line of a journal: move the file away, or choose another folder"
        ) from error


def read_journal(path: Path, kind: type[L]) -> Iterator[L]:
    """Stream the lines of one kind, in the order they were written; a half-written last line is left out.

    Raises:
        UsageError: The file is missing or unreadable.
        IntegrityError: A line is damaged.
    """
    start = _STARTS[kind]
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n") or (raw.startswith(_OURS) and not raw.startswith(start)):
                    continue
                line = _decode(path, number, raw)
                if isinstance(line, kind):
                    yield line
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error


class Journal:
    """An open journal: holds the lock, knows the keys that are done, appends.

    Args:
        path: The file; made, with its folder, when missing. A half-written last line is dropped.

    Raises:
        UsageError: Another process is writing it, or it cannot be opened.
        IntegrityError: A line is damaged.
        NotEnoughSpaceError: The disk is full.
    """

    def __init__(self, path: Path):
        self.path = path
        self._guard = threading.Lock()
        self._file = self._open()
        self._places = Places()
        self._doubled: set[str] = set()
        try:
            self._recover()
            self.resumed = bool(self._places)
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self._append(Session(pid=os.getpid(), started=now))
        except BaseException:
            os.close(self._file)
            raise

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UsageError(f"cannot open {str(self.path)!r}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            sessions = [session.pid for session in read_journal(self.path, Session)]
            who = f"process {sessions[-1]}" if sessions else "another process"
            raise UsageError(
                f"{str(self.path.parent)!r} is in use by {who}: wait for it, end it, or choose another folder"
            ) from error
        return file

    @property
    def done(self) -> KeysView[str]:
        """Keys of the replies that are there."""
        return self._places.keys()

    def _recover(self) -> None:
        """Check every line, cut off a half-written last one, and note where each reply's line begins."""
        whole = 0
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    os.ftruncate(self._file, whole)
                    break
                line = _decode(self.path, number, raw)
                if isinstance(line, Reply) and not self._places.add(line.key, whole):
                    self._doubled.add(line.key)
                whole += len(raw)

    def _append(self, line: Line) -> int:
        """Write a line at the end; returns where it begins."""
        with self._guard:
            size = os.fstat(self._file).st_size
            try:
                append_line(self._file, _encode(line))
            except NotEnoughSpaceError as error:
                os.ftruncate(self._file, size)
                raise NotEnoughSpaceError(
                    f"no space left on the disk of {self.path}: free some, then run again;"
                    f" {len(self.done)} replies are kept"
                ) from error
            return size

    def plan(self, plan: Plan) -> None:
        """Write down what is to be done, unless the last plan says the same."""
        last = self._last(Plan)
        if last is None or last.model_copy(update={"stopped_at": {}}) != plan:
            self._append(plan)

    def stopped(self, plan: Plan) -> None:
        """Write down where models stopped, none included, unless the last plan says the same."""
        if self._last(Plan) != plan:
            self._append(plan)

    def reply(self, reply: Reply) -> None:
        """Append a reply.

        Raises:
            IntegrityError: A reply with this key is there already.
            NotEnoughSpaceError: The disk is full; the journal ends with the line before.
        """
        if reply.key in self.done:
            raise IntegrityError(
                f"{self.path}: reply {reply.key[:12]} to {reply.prompt_id!r} was generated twice"
            )
        self._places.add(reply.key, self._append(reply))

    def outcome(self, end: ModelEnd) -> None:
        """Append how a model's run ended."""
        self._append(end)

    def complete(self, plan: Plan) -> None:
        """Write the marker that says ``plan`` is done, once, and force all to the disk."""
        if not self.is_complete(plan):
            self._append(Complete(keys=plan.keys))
        os.fsync(self._file)

    def is_complete(self, plan: Plan) -> bool:
        """Whether the marker for ``plan`` is there."""
        return any(marker.keys == plan.keys for marker in read_journal(self.path, Complete))

    def find(self, keys: Iterable[str]) -> Iterator[Reply]:
        """Read the replies with these keys, in this order; those that are not there are left out."""
        with self.path.open("rb") as file:
            for key in keys:
                place = self._places.get(key)
                if place is not None:
                    file.seek(place)
                    line = _decode(self.path, 0, file.readline())
                    if isinstance(line, Reply):
                        yield line

    def ends(self) -> dict[str, ModelEnd]:
        """How each model's run ended last, by sha256; what it took is added up over sessions."""
        ends: dict[str, ModelEnd] = {}
        for end in read_journal(self.path, ModelEnd):
            before = ends.get(end.model)
            ends[end.model] = (
                end if before is None else end.model_copy(update={"speed": before.speed + end.speed})
            )
        return ends

    def verify(self, planned: Iterable[tuple[str, str]]) -> None:
        """Check that every planned reply is there exactly once.

        Args:
            planned: Keys, each with what to call the reply in a message.

        Raises:
            IntegrityError: Some are missing or doubled; names the first and how many.
        """
        total = 0
        wrong: dict[str, list[str]] = {"missing": [], "doubled": []}
        for key, name in planned:
            total += 1
            if key not in self.done:
                wrong["missing"].append(name)
            elif key in self._doubled:
                wrong["doubled"].append(name)
        for problem, names in wrong.items():
            if names:
                raise IntegrityError(
                    f"{self.path}: {len(names)} of {total} planned replies are {problem},"
                    f" the first of them {names[0]}"
                )

    def _last(self, kind: type[L]) -> L | None:
        last = None
        for line in read_journal(self.path, kind):
            last = line
        return last

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
