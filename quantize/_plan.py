"""What a file will be, tensor by tensor, before anything is written."""

import re
from pathlib import Path

from quant_triage.data import ModelError, Record, UsageError

from ._gguf import GgufHeader, pad, type_size
from ._imatrix_file import ImportanceMatrix, missing_entries
from ._levels import Level
from ._native import Native
from ._protocol import Metadata, PlanRequest, Target
from ._recipe import Recipe

_TENSOR = re.compile(
    r"^\[ *\d+/ *\d+\] (?P<name>\S+) .*type = *(?P<old>\w+), size = .*?(?:\((?P<new>\w+)\))?$", re.M
)
_FALLBACK = re.compile(
    r"warning: (?P<name>\S+) .*required for type +(?P<wanted>\w+)\).*falling back to +(?P<got>\w+)"
)
_ADDED = {"general.quantization_version": 2, "general.file_type": 0}
_UNQUANTIZED = {"F32", "F16", "BF16"}


class Imatrix(Record):
    """An importance matrix that is used: its file, its hash, the text it was made on."""

    path: Path
    sha256: str
    datasets: tuple[str, ...]
    chunks: int
    entries: int

    @property
    def metadata(self) -> Metadata:
        """What llama.cpp's own tool writes of it into a quantized file."""
        return {
            "quantize.imatrix.file": self.path.name,
            "quantize.imatrix.dataset": ", ".join(self.datasets),
            "quantize.imatrix.entries_count": self.entries,
            "quantize.imatrix.chunks_count": self.chunks,
        }


class Plan(Record):
    """A file's name, tensor types in the order of the file, its exact size, and tensors that fell back."""

    name: str
    level: Level
    recipe: Recipe | None
    types: dict[str, str]
    bytes: int
    extra: Metadata
    fallbacks: tuple[str, ...]

    def target(self, path: Path) -> Target:
        """Ask for this file at ``path``."""
        return Target(path=str(path), ftype=self.level.ftype, types=self.types, extra=self.extra)


def plan_file(
    child: Native,
    source: Path,
    header: GgufHeader,
    wanted: Level | Recipe,
    imatrix: tuple[Imatrix, ImportanceMatrix] | None = None,
) -> Plan:
    """Ask the quantizer which type it would give each tensor; it is the authority, we only read along.

    For a recipe it is asked twice: for the base level's types, and, with every tensor pinned, what becomes of
    them.

    Raises:
        ModelError: The quantizer refused or crashed, or its log does not name every tensor.
        UsageError: The importance matrix lacks a tensor, or a recipe does not fit the model.
    """
    recipe = wanted if isinstance(wanted, Recipe) else None
    level = wanted.base if isinstance(wanted, Recipe) else wanted
    used = str(imatrix[0].path) if imatrix else None
    log = child.call(PlanRequest(source=str(source), ftype=level.ftype, imatrix=used))
    types = _types(log, header, level.name)
    if recipe is not None:
        pins = recipe.apply(types, source)
        log = child.call(PlanRequest(source=str(source), ftype=level.ftype, imatrix=used, pins=pins))
        types = _types(log, header, recipe.name)
        _refuse_ignored(recipe, pins, types, log)
    extra: Metadata = dict(imatrix[0].metadata) if imatrix else {}
    if recipe is not None:
        extra["quant_triage.recipe"] = recipe.name
    if imatrix is not None:
        _refuse_gaps(imatrix, header, types)
    return Plan(
        name=wanted.name,
        level=level,
        recipe=recipe,
        types=types,
        bytes=_size(header, types, extra),
        extra=extra,
        fallbacks=tuple(
            f"{m['name']}: {m['got'].upper()} instead of {m['wanted'].upper()}"
            for m in _FALLBACK.finditer(log)
        ),
    )


def _types(log: str, header: GgufHeader, name: str) -> dict[str, str]:
    types = {m["name"]: (m["new"] or m["old"]).upper() for m in _TENSOR.finditer(log)}
    if set(types) != {tensor.name for tensor in header.tensors}:
        raise ModelError("quantize_failed", f"the quantizer's dry run for {name} does not name every tensor")
    return types


def _refuse_ignored(recipe: Recipe, pins: dict[str, str], types: dict[str, str], log: str) -> None:
    fell_back = {m["name"] for m in _FALLBACK.finditer(log)}
    for name, kind in pins.items():
        if types[name] != kind and name not in fell_back:
            raise UsageError(
                f"recipe {recipe.name!r} wants {kind} for {name!r}, which llama.cpp keeps at {types[name]}: "
                "leave that tensor out of the pattern"
            )


def _refuse_gaps(
    imatrix: tuple[Imatrix, ImportanceMatrix], header: GgufHeader, types: dict[str, str]
) -> None:
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    quantized = [
        tensor.name
        for tensor in header.tensors
        if types[tensor.name] != tensor.type and types[tensor.name] not in _UNQUANTIZED
    ]
    if missing := missing_entries(imatrix[1], shapes, quantized):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(
            f"importance matrix {str(imatrix[0].path)!r} has no fitting entry for {missing[0]!r}{more}: "
            "make one for this very model with 'quant-triage imatrix'"
        )


def _size(header: GgufHeader, types: dict[str, str], extra: Metadata) -> int:
    """The exact size of the file: its header, with what is added, and every tensor, padded."""
    added = sum(
        _pair_size(key, value) for key, value in {**_ADDED, **extra}.items() if key not in header.metadata
    )
    tensors = sum(pad(type_size(types[t.name], t.elements), header.alignment) for t in header.tensors)
    return pad(header.header_bytes + added, header.alignment) + tensors


def _pair_size(key: str, value: int | str) -> int:
    """Bytes of a pair in a header: the key with its length, the type, the value."""
    return 8 + len(key.encode()) + 4 + (4 if isinstance(value, int) else 8 + len(value.encode()))
