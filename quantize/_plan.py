"""What a level will be, tensor by tensor, before anything is written."""

import re
from pathlib import Path

from quant_triage.data import ModelError, Record

from ._gguf import GgufHeader, pad, type_size
from ._levels import Level
from ._native import Quantizer, dry_run

_TENSOR = re.compile(
    r"^\[ *\d+/ *\d+\] (?P<name>\S+) .*type = *(?P<old>\w+), size = .*?(?:\((?P<new>\w+)\))?$", re.M
)
_FALLBACK = re.compile(
    r"warning: (?P<name>\S+) .*required for type +(?P<wanted>\w+)\).*falling back to +(?P<got>\w+)"
)
_ADDED_KEYS = ("general.quantization_version", "general.file_type")


class Plan(Record):
    """A level's tensor types, its exact size in bytes, and the tensors that cannot have the level's type."""

    level: Level
    types: dict[str, str]
    bytes: int
    fallbacks: tuple[str, ...]


def plan_level(child: Quantizer, source: Path, header: GgufHeader, level: Level) -> Plan:
    """Ask the quantizer which type it would give each tensor; it is the authority, we only read along.

    Raises:
        ModelError: The quantizer refused or crashed, or its log does not name every tensor.
    """
    log = dry_run(child, source, level.ftype)
    types = {m["name"]: (m["new"] or m["old"]).upper() for m in _TENSOR.finditer(log)}
    if set(types) != {tensor.name for tensor in header.tensors}:
        raise ModelError(
            "quantize_failed", f"the quantizer's dry run for {level.name} does not name every tensor"
        )
    sizes = (pad(type_size(types[t.name], t.elements), header.alignment) for t in header.tensors)
    added = sum(8 + len(key) + 8 for key in _ADDED_KEYS if key not in header.metadata)
    return Plan(
        level=level,
        types=types,
        bytes=pad(header.header_bytes + added, header.alignment) + sum(sizes),
        fallbacks=tuple(
            f"{m['name']}: {m['got'].upper()} instead of {m['wanted'].upper()}"
            for m in _FALLBACK.finditer(log)
        ),
    )
