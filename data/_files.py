"""Strict readers that name file, line and field, and writers that leave nothing half-written."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ._errors import FileFormatError, NotEnoughSpaceError, UsageError
from ._machine import usable_cores

_BLOCK = 1 << 20
_LARGEST_YAML = 4 << 20  # bytes; ours have at most 200,000
_LONGEST_LINE = 64 << 20  # bytes of one JSONL record
_DEEPEST = 50  # levels of YAML; a few ten thousand overflow the C stack of the composer
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


class Record(BaseModel):
    """Base of every record: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=BaseModel)


def sha256_file(path: Path) -> str:
    """Return the hex sha256 of a file's bytes, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_files(paths: Iterable[Path]) -> list[str]:
    """Return what :func:`sha256_file` does for each file, in order, hashing one file on each core."""
    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        return list(pool.map(sha256_file, paths))


def sha256_text(*parts: str) -> str:
    """Return the hex sha256 of the parts, unambiguous about where one ends and the next begins."""
    return sha256_texts(parts)


def sha256_texts(parts: Iterable[str]) -> str:
    """Return what :func:`sha256_text` does, of any number of parts without holding them."""
    digest = hashlib.sha256(b"[")
    for number, part in enumerate(parts):
        digest.update(f"{', ' if number else ''}{json.dumps(part, ensure_ascii=False)}".encode())
    digest.update(b"]")
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name only when the block succeeds.

    Raises:
        NotEnoughSpaceError: The disk is full; no part is left behind, and an old file stays as it was.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise NotEnoughSpaceError(
                f"no space left on the disk of {path}: free some, then run again"
            ) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write a whole file so that readers see the old content or the new, never a part.

    Raises:
        NotEnoughSpaceError: The disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def append_line(file_descriptor: int, line: str) -> None:
    """Append one line in a single write, so that a crash can at worst leave one partial last line.

    Raises:
        NotEnoughSpaceError: The disk is full; the caller's file ends with at most one partial line.
    """
    data = memoryview((line + "\n").encode())
    try:
        while data:
            data = data[os.write(file_descriptor, data) :]
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise NotEnoughSpaceError(
                "no space left on the disk of the journal: free some, then run again"
            ) from error
        raise


def _explain(error: ValidationError) -> tuple[str | None, str]:
    """Return the dotted field and the problem of a validation's first error."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    shown = repr(first["input"])
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    if first["type"] == "missing":
        return field, "is missing"
    if first["type"] == "extra_forbidden":
        return field, "is not a known field"
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and (isinstance(first["input"], dict) or shown in problem):
        return field, problem  # a check of ours over a whole record, or one that names the value itself
    return field, f"{problem}, not {shown}"


def parse_jsonl(lines: Iterable[str], model: type[R], *, path: Path | str) -> Iterator[R]:
    """Parse lines of JSON into records, one at a time.

    Raises:
        FileFormatError: A line is not JSON or does not fit ``model``.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if "\\ud" in line.lower():  # half of a surrogate pair could not be hashed or written later
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise FileFormatError(path, f"is not valid JSON ({error})", line=number) from error
        try:
            yield model.model_validate(value)
        except ValidationError as error:
            field, problem = _explain(error)
            raise FileFormatError(path, problem, line=number, field=field) from error


def _decode(lines: Iterable[bytes], path: Path) -> Iterator[str]:
    """Decode lines one by one, so that an error can name its line."""
    for number, line in enumerate(lines, start=1):
        if len(line) > _LONGEST_LINE:
            raise FileFormatError(path, f"is longer than {_LONGEST_LINE >> 20} MiB", line=number)
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise FileFormatError(path, "is not UTF-8 text", line=number) from error


def read_jsonl(path: Path, model: type[R]) -> Iterator[R]:
    """Stream a JSONL file as records, without holding it whole.

    Raises:
        UsageError: The file is missing or unreadable.
        FileFormatError: A line is over 64 MiB, not UTF-8, not JSON or does not fit ``model``.
    """
    try:
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(_LONGEST_LINE + 1), b"")
            yield from parse_jsonl(_decode(lines, path), model, path=path)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _line_of(node: yaml.Node, location: tuple[int | str, ...]) -> int:
    """Return the line of the deepest node on the way to ``location``."""
    line = node.start_mark.line + 1
    for part in location:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, child = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            line = child.start_mark.line + 1
        if child is None:
            break
        node = child
    return line


def _refuse_bombs(path: Path, text: str) -> None:
    """Refuse aliases (nested ones expand to gigabytes) and depth that would overflow the C stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise FileFormatError(path, f"alias {event.anchor!r} is not allowed", line=line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise FileFormatError(path, f"is nested deeper than {_DEEPEST} levels", line=line)


def _refuse_duplicates(path: Path, node: yaml.Node | None, trail: tuple[str, ...] = ()) -> None:
    """Refuse a key that occurs twice in one mapping: YAML would silently keep the last."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_duplicates(path, item, (*trail, str(index)))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*trail, str(key.value))
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                field, line = ".".join(here), key.start_mark.line + 1
                raise FileFormatError(path, "occurs twice", line=line, field=field)
            seen.add(here[-1])
            _refuse_duplicates(path, value, here)


def read_yaml(path: Path, model: type[R]) -> R:
    """Read one YAML document as a record.

    Raises:
        UsageError: The file is missing or unreadable.
        FileFormatError: The text is over 4 MiB, not UTF-8 or YAML, uses aliases, repeats a key, or does
            not fit ``model``; names line and field.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_YAML + 1)
        if len(content) > _LARGEST_YAML:
            raise FileFormatError(path, f"is larger than {_LARGEST_YAML >> 20} MiB: split it")
        text = content.decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileFormatError(path, "is not UTF-8 text", line=line) from error
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    try:
        _refuse_bombs(path, text)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        _refuse_duplicates(path, node)
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise FileFormatError(
            path, f"is not valid YAML ({problem})", line=mark.line + 1 if mark else None
        ) from error
    if node is None:
        raise FileFormatError(path, "is empty")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        field, problem = _explain(error)
        line = _line_of(node, error.errors()[0]["loc"])
        raise FileFormatError(path, problem, line=line, field=field) from error
