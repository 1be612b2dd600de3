"""report.json: the one truth, its reader and its published JSON Schema."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import FileFormatError, UsageError, atomic_write
from quant_triage.harness import Result

SCHEMA_VERSION: int = Result.model_fields["schema_version"].default
SCHEMA_PATH = Path(__file__).with_name("templates") / "report.schema.json"


def result_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of ``report.json``."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Return the published schema as it should stand in ``SCHEMA_PATH``."""
    return json.dumps(result_schema(), indent=2, sort_keys=True) + "\n"


def _text(result: Result) -> str:
    return result.model_dump_json(indent=1) + "\n"


def result_sha256(result: Result) -> str:
    """Return the sha256 of the ``report.json`` that holds this result."""
    return hashlib.sha256(_text(result).encode()).hexdigest()


def write_result(path: Path, result: Result) -> None:
    """Write ``report.json`` whole or not at all.

    Raises:
        NotEnoughSpaceError: The disk is full.
    """
    atomic_write(path, _text(result))


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
