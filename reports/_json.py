"""report.json: the one truth, its reader and its published JSON Schema."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import FileFormatError, UsageError, atomic_path
from quant_triage.harness import Result

SCHEMA_VERSION: int = Result.model_fields["schema_version"].default
_NO_REPLIES = '"replies": []'
SCHEMA_PATH = Path(__file__).with_name("templates") / "report.schema.json"


def result_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of ``report.json``."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Return the published schema as it should stand in ``SCHEMA_PATH``."""
    return json.dumps(result_schema(), indent=2, sort_keys=True) + "\n"


def _pieces(result: Result) -> Iterator[str]:
    """The text of ``report.json``, each reply on a line of its own as it comes out of its file."""
    empty = [model.model_copy(update={"replies": ()}) for model in result.models]
    frame = result.model_copy(update={"models": tuple(empty)}).model_dump_json(indent=1)
    # Within a string the quotes would be escaped: these are the lists themselves.
    first, *parts = frame.split(_NO_REPLIES)
    yield first
    for model, part in zip(result.models, parts, strict=True):
        yield _NO_REPLIES[:-1]
        for number, reply in enumerate(model.replies):
            yield f"{',' if number else ''}\n    {reply.model_dump_json()}"
        yield f"]{part}"
    yield "\n"


def result_sha256(result: Result) -> str:
    """Return the sha256 of the ``report.json`` that holds this result."""
    digest = hashlib.sha256()
    for piece in _pieces(result):
        digest.update(piece.encode())
    return digest.hexdigest()


def write_result(path: Path, result: Result) -> None:
    """Write ``report.json`` whole or not at all.

    Raises:
        NotEnoughSpaceError: The disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pieces(result))


def read_result(path: Path) -> Result:
    """Read a ``report.json``.

    Raises:
        UsageError: The file is missing or unreadable.
        FileFormatError: It is not JSON, of another schema version, or does not fit; names the field.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FileFormatError(path, f"is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise FileFormatError(path, "is not a report: the top of the file is no object")
    if value.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        found = value["schema_version"]
        raise FileFormatError(
            path, f"is {found!r}; this program reads {SCHEMA_VERSION}", field="schema_version"
        )
    try:
        return Result.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise FileFormatError(path, f"{first['msg']}, not {first['input']!r:.80}", field=field) from error
