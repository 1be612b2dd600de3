"""Replies that were recorded elsewhere, read from a ``.jsonl`` without holding them all."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from quant_triage.data import FileFormatError, Record, Scenario, UsageError, parse_jsonl, sha256_text

from .._places import Places
from .._records import ModelCard, Outcome, Reply, Request, Speed
from ._levels import UNQUANTIZED
from ._process import EnoughError, Progress
from ._source import Asked

_BUILD = "recorded"


class RecordedLine(Record):
    """One line of a recorded file. Without ``sample``, replies to the same prompt count up from 0."""

    level: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    reply: str
    model: str | None = None
    scenario: Scenario | None = None
    prompt_id: str | None = None
    sample: int | None = Field(default=None, ge=0)


@dataclass(slots=True)
class _Level:
    """What one pass over the file gathers about one level: where each reply begins, never its text."""

    level: str
    model: str | None
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    places: Places = field(default_factory=Places)
    repeats: Places = field(default_factory=Places)


def _digest(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()[:32]


def _place(prompt: str, sample: int) -> str:
    """Key of a reply's place; ends with the sample."""
    return f"{_digest(prompt)} {sample}"


class RecordedSource:
    """One level of a recorded file. Its identity is the hash of its lines, so an edit makes a new model.

    Args:
        path: The file.
        card: What is known of the level.
        places: For each prompt and sample, where in the file the reply begins; in file order.
    """

    memory = 0

    def __init__(self, path: Path, card: ModelCard, places: Places):
        self.card = card
        self._path, self._places = path, places

    @property
    def build(self) -> str:
        """Replies were made elsewhere."""
        return _BUILD

    def key(self, prompt: str, sample: int) -> str:
        """Key of the reply to ``prompt``; no setting of ours plays a part."""
        return sha256_text(self.card.sha256, _BUILD, prompt, str(sample))

    def asked(self) -> Iterator[Asked]:
        """The questions that were recorded, in the order of the file."""
        with self._path.open("rb") as file:
            for key, offset in self._places.items():
                line = _read_at(file, offset)
                yield Asked(
                    prompt=line.prompt,
                    sample=int(key.split()[1]),
                    prompt_id=line.prompt_id,
                    scenario=line.scenario,
                )

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Hand over the recorded replies.

        Raises:
            UsageError: A question was never recorded.
        """
        began = time.perf_counter()
        with self._path.open("rb") as file, contextlib.suppress(EnoughError):
            for count, request in enumerate(requests, start=1):
                place = self._places.get(_place(request.prompt, request.sample))
                if place is None:
                    raise UsageError(
                        f"{str(self._path)!r} holds no reply of {self.card.level} to {request.prompt_id!r},"
                        f" sample {request.sample}: ask only what was recorded"
                    )
                on_reply(
                    Reply(
                        model=self.card.sha256,
                        reply=_read_at(file, place).reply,
                        finish_reason="recorded",
                        tokens=0,
                        seconds=0.0,
                        **request.model_dump(),
                    )
                )
                on_progress(Progress(replies=count, seconds=time.perf_counter() - began))
        return Outcome(status="ok"), Speed()


def _read_at(file: BinaryIO, offset: int) -> RecordedLine:
    file.seek(offset)
    return RecordedLine.model_validate_json(file.readline())


def open_recorded(path: Path) -> list[RecordedSource]:
    """Check a recorded file, line by line, and return one source for each model and level in it.

    Raises:
        UsageError: The file is missing or holds no replies.
        FileFormatError: A line is malformed, or answers the same prompt and sample twice.
    """
    levels: dict[tuple[str | None, str], _Level] = {}
    offset = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                for line in _parse(path, raw, number):
                    gathered = levels.setdefault((line.model, line.level), _Level(line.level, line.model))
                    _gather(gathered, path, line, offset, number)
                offset += len(raw)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    if not levels:
        raise UsageError(f"{str(path)!r} holds no replies")
    return [
        RecordedSource(
            path,
            ModelCard(
                name=f"{level.model or path.stem}-{level.level}",
                level=level.level,
                sha256=level.digest.hexdigest(),
                reference=level.level.upper() in UNQUANTIZED,
            ),
            level.places,
        )
        for level in levels.values()
    ]


def _parse(path: Path, raw: bytes, number: int) -> Iterator[RecordedLine]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(path, "is not UTF-8 text", line=number) from error
    try:
        yield from parse_jsonl([text], RecordedLine, path=path)
    except FileFormatError as error:
        raise FileFormatError(path, error.problem, line=number, field=error.field) from error


def _gather(level: _Level, path: Path, line: RecordedLine, offset: int, number: int) -> None:
    repeat = level.repeats.count(_digest(line.prompt))
    sample = line.sample if line.sample is not None else repeat
    if not level.places.add(_place(line.prompt, sample), offset):
        raise FileFormatError(
            path, f"{line.level} answers this prompt's sample {sample} a second time", line=number
        )
    level.digest.update(sha256_text(line.level, line.prompt, str(sample), line.reply).encode())
