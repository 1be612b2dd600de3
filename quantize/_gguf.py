"""A small, strict reader of GGUF headers: what the quantizer must know of a file, without its weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from quant_triage.data import FileFormatError, Record, UsageError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAGIC = b"GGUF"
_ALIGNMENT = 32
_MAX_NESTING = 4
_TOKENS = "tokenizer.ggml.tokens"

# Types of the vendored llama.cpp that the published gguf package does not list: elements and bytes a block.
_EXTRA_TYPES = {42: ("Q2_0", 64, 18)}

TYPE_NUMBERS: dict[str, int] = {kind.name: kind.value for kind in GGMLQuantizationType} | {
    name: number for number, (name, _, _) in _EXTRA_TYPES.items()
}
"""Numbers of ggml's types by their names in capitals."""


class Tensor(Record):
    """A tensor's entry; ``shape`` in ggml's order (row length first), ``offset`` from the data section."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    bytes: int

    @property
    def elements(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def rows(self) -> int:
        """Number of rows, over all matrices."""
        return math.prod(self.shape[1:])


class GgufHeader(Record):
    """A header: scalar metadata, the lengths of its arrays, and the tensors. All sizes in bytes."""

    metadata: dict[str, int | float | bool | str]
    arrays: dict[str, int]
    tensors: tuple[Tensor, ...]
    header_bytes: int
    alignment: int
    data_offset: int

    @property
    def bits_per_weight(self) -> float:
        """Effective bits a weight, over all tensors."""
        return 8 * sum(t.bytes for t in self.tensors) / max(1, sum(t.elements for t in self.tensors))

    @property
    def tensor_types(self) -> dict[str, int]:
        """How many tensors have each type."""
        types = sorted(t.type for t in self.tensors)
        return {name: types.count(name) for name in dict.fromkeys(types)}


def pad(size: int, alignment: int) -> int:
    """Round up to a multiple of the alignment."""
    return -(-size // alignment) * alignment


def type_size(name: str, elements: int) -> int:
    """Return the bytes of so many elements of a ggml type, which must fill whole blocks.

    Raises:
        KeyError: The type is unknown.
    """
    for known, block, size in _EXTRA_TYPES.values():
        if known == name:
            return elements // block * size
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType[name.upper()]]
    total: int = elements // block * size
    return total


class _Cursor:
    """Reads little-endian values and never past the end."""

    def __init__(self, file: BinaryIO, path: Path, size: int):
        self._file = file
        self._path = path
        self._size = size

    def take(self, count: int) -> bytes:
        if count > self._size - self._file.tell():
            raise FileFormatError(self._path, "is cut off within its header: get the file again")
        return self._file.read(count)

    def value(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def count(self, code: str) -> int:
        return int(self.value(code))

    def string(self) -> str:
        return self.take(self.count("Q")).decode("utf-8", "replace")

    def skip_array(self, depth: int = 0) -> int:
        """Skip an array and return its length."""
        kind, length = self.count("I"), self.count("Q")
        if kind in _SCALARS:
            self.skip(length * struct.calcsize("<" + _SCALARS[kind]))
        elif kind == _STRING:
            for _ in range(length):
                self.skip(self.count("Q"))
        elif kind == _ARRAY and depth < _MAX_NESTING:
            for _ in range(length):
                self.skip_array(depth + 1)
        else:
            raise FileFormatError(self._path, f"has an array of unknown type {kind}: get the file again")
        return length

    def skip(self, count: int) -> None:
        if count > self._size - self._file.tell():
            raise FileFormatError(self._path, "is cut off within its header: get the file again")
        self._file.seek(count, 1)

    def tell(self) -> int:
        return self._file.tell()


def read_header(path: Path) -> GgufHeader:
    """Read a GGUF file's header and check that all its tensors lie within the file.

    Raises:
        UsageError: The file cannot be read.
        FileFormatError: It is not GGUF, is cut off, or has a type that is not known here.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _parse(_Cursor(file, path, size), path, size)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _parse(cursor: _Cursor, path: Path, size: int) -> GgufHeader:
    if cursor.take(min(4, size)) != _MAGIC:
        raise FileFormatError(path, "is not a GGUF file")
    version = cursor.count("I")
    if version not in {2, 3}:
        raise FileFormatError(path, f"has GGUF version {version}, not 2 or 3")
    tensor_count, pair_count = cursor.count("Q"), cursor.count("Q")
    metadata: dict[str, int | float | bool | str] = {}
    arrays: dict[str, int] = {}
    for _ in range(pair_count):
        key, kind = cursor.string(), cursor.count("I")
        if kind == _ARRAY:
            arrays[key] = cursor.skip_array()
        elif kind == _STRING:
            metadata[key] = cursor.string()
        elif kind in _SCALARS:
            metadata[key] = cursor.value(_SCALARS[kind])
        else:
            raise FileFormatError(path, f"has a value of unknown type {kind}", field=key)
    tensors = tuple(_tensor(cursor, path) for _ in range(tensor_count))
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise FileFormatError(path, f"has alignment {alignment!r}", field="general.alignment")
    end = cursor.tell()
    data_offset = pad(end, alignment)
    for tensor in tensors:
        if data_offset + tensor.offset + tensor.bytes > size:
            missing = data_offset + tensor.offset + tensor.bytes - size
            raise FileFormatError(
                path, f"is cut off: tensor {tensor.name!r} lacks {missing:,} bytes; get the file again"
            )
    return GgufHeader(
        metadata=metadata,
        arrays=arrays,
        tensors=tensors,
        header_bytes=end,
        alignment=alignment,
        data_offset=data_offset,
    )


def _tensor(cursor: _Cursor, path: Path) -> Tensor:
    name = cursor.string()
    dimensions = cursor.count("I")
    if dimensions > 8:
        raise FileFormatError(path, f"tensor {name!r} has {dimensions} dimensions")
    shape = tuple(cursor.count("Q") for _ in range(dimensions))
    number, offset = cursor.count("I"), cursor.count("Q")
    try:
        type_name = _EXTRA_TYPES[number][0] if number in _EXTRA_TYPES else GGMLQuantizationType(number).name
        size = type_size(type_name, math.prod(shape))
    except (ValueError, KeyError) as error:
        raise FileFormatError(path, f"tensor {name!r} has unknown type {number}") from error
    return Tensor(name=name, shape=shape, type=type_name, offset=offset, bytes=size)


def token_texts(path: Path, tokens: Collection[int]) -> dict[int, str]:
    """Return the texts of some tokens of a file's vocabulary; those that it lacks are left out.

    Raises:
        UsageError: The file cannot be read.
        FileFormatError: It is not GGUF, or is cut off.
    """
    header = read_header(path)
    with path.open("rb") as file:
        cursor = _Cursor(file, path, path.stat().st_size)
        cursor.skip(24)
        for _ in range(len(header.metadata) + len(header.arrays)):
            key, kind = cursor.string(), cursor.count("I")
            if key == _TOKENS and kind == _ARRAY:
                cursor.skip(4)
                found = {}
                for token in range(cursor.count("Q")):
                    if token in tokens:
                        found[token] = cursor.string()
                    else:
                        cursor.skip(cursor.count("Q"))
                return found
            if kind == _ARRAY:
                cursor.skip_array()
            elif kind == _STRING:
                cursor.skip(cursor.count("Q"))
            else:
                cursor.value(_SCALARS[kind])
    return {}
