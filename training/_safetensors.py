"""Safetensors files by hand: where each tensor's bytes lie, so that they can be copied or changed in place.

Format: https://github.com/huggingface/safetensors (8 bytes of header length, a JSON header, the data).
"""

import json
import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from quant_triage.data import FileFormatError, Record, UsageError

Floats = npt.NDArray[np.float32]

_LARGEST_HEADER = 100 << 20  # bytes; the limit of the reference implementation
Stored = npt.NDArray[np.uint16] | npt.NDArray[np.float16] | npt.NDArray[np.float32]

_STORED: dict[str, npt.DTypeLike] = {"BF16": "<u2", "F16": "<f2", "F32": "<f4"}
_BYTES = {"BF16": 2, "F16": 2, "F32": 4}
FLOAT_TYPES = tuple(_STORED)


class TensorPlace(Record):
    """A tensor's type and shape, and the file offsets of its first byte and the one after its last."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class _Entry(Record):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


_HEADER: TypeAdapter[dict[str, _Entry]] = TypeAdapter(dict[str, _Entry])


def read_places(path: Path) -> dict[str, TensorPlace]:
    """Return where each tensor of a safetensors file lies.

    Raises:
        UsageError: The file cannot be read.
        FileFormatError: It is not safetensors, or is cut off.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else _LARGEST_HEADER
            if length >= min(_LARGEST_HEADER, size):
                raise FileFormatError(path, "is not a safetensors file, or is cut off: get it again")
            raw = file.read(length)
        entries = json.loads(raw)
        entries.pop("__metadata__", None)
        header = _HEADER.validate_python(entries)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, AttributeError, ValidationError) as error:
        raise FileFormatError(path, "has a malformed safetensors header: get it again") from error
    start = 8 + length
    places = {}
    for name, entry in header.items():
        begin, end = (start + offset for offset in entry.data_offsets)
        if not start <= begin <= end <= size:
            raise FileFormatError(path, f"is cut off: tensor {name!r} lies beyond its end; get it again")
        if entry.dtype in _BYTES and end - begin != math.prod(entry.shape) * _BYTES[entry.dtype]:
            raise FileFormatError(path, f"tensor {name!r} has {end - begin} bytes, not those of its shape")
        places[name] = TensorPlace(dtype=entry.dtype, shape=entry.shape, begin=begin, end=end)
    return places


def stored_view(path: Path, place: TensorPlace) -> Stored:
    """Map a tensor as it is stored (bfloat16 as 16-bit integers), without reading it."""
    view: Stored = np.memmap(path, _STORED[place.dtype], "r", place.begin, place.shape)
    return view


def to_float32(stored: Stored, dtype: str) -> Floats:
    """Return stored values as float32; exact for all three types."""
    if dtype == "BF16":
        bits = stored.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    return stored.astype(np.float32)


def from_float32(values: Floats, dtype: str) -> bytes:
    """Return the stored bytes of finite float32 values, rounded to nearest, ties to even."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(values).view(np.uint32)
        rounded = bits >> 16
        rounded &= 1
        rounded += bits
        rounded += 0x7FFF
        rounded >>= 16
        return rounded.astype("<u2").tobytes()
    return values.astype(_STORED[dtype]).tobytes()
