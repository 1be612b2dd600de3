"""ggml's own functions, through the library that the engine brings: quantize rows, check them, write headers.

Only child processes import this: a native crash must end them and nobody else.
"""

import ctypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from llama_cpp._ggml import libggml
from numpy.typing import NDArray

from ._gguf import TYPE_NUMBERS
from ._protocol import Metadata

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_SPLIT_KEYS = ("split.no", "split.count", "split.tensors.count")
_QUANTIZATION_VERSION = 2  # GGML_QNT_VERSION

_ToFloat = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


class _TypeTraits(ctypes.Structure):
    """``struct ggml_type_traits``."""

    _fields_ = [
        ("type_name", ctypes.c_char_p),
        ("block_size", ctypes.c_int64),
        ("block_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", _ToFloat),
        ("from_float_ref", ctypes.c_void_p),
    ]


class GgmlTensor(ctypes.Structure):
    """``struct ggml_tensor``: a node of the graph, a weight or an activation, in this machine's memory."""

    def source(self, index: int) -> "GgmlTensor":
        """The operation's operand of this index."""
        return GgmlTensor.from_address(self.src[index])

    @property
    def text_name(self) -> str:
        """Its name."""
        return str(self.name.decode("utf-8", "replace"))

    @property
    def is_float32(self) -> bool:
        """Whether its values are float32."""
        return bool(self.type == TYPE_NUMBERS["F32"])

    @property
    def floats(self) -> Floats:
        """A view of float32 values, in NumPy's order of dimensions."""
        shape, strides = tuple(reversed(self.ne)), tuple(reversed(self.nb))
        span = 4 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        memory = np.ctypeslib.as_array((ctypes.c_uint8 * span).from_address(self.data))
        return np.lib.stride_tricks.as_strided(memory[:4].view(np.float32), shape, strides)


# ggml.h: GGML_MAX_DIMS is 4, GGML_MAX_OP_PARAMS 64 bytes, GGML_MAX_SRC 10, GGML_MAX_NAME 64.
GgmlTensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.c_void_p * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]


class _InitParams(ctypes.Structure):
    """``struct gguf_init_params``."""

    _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.POINTER(ctypes.c_void_p))]


def _declare(name: str, result: type | None, *arguments: type) -> "ctypes._NamedFuncPointer":
    function: ctypes._NamedFuncPointer = libggml[name]
    function.restype, function.argtypes = result, list(arguments)
    return function


_p, _i, _l, _z, _s = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_size_t, ctypes.c_char_p
_traits = _declare("ggml_get_type_traits", ctypes.POINTER(_TypeTraits), _i)
_row_size = _declare("ggml_row_size", _z, _i, _l)
_quantize_chunk = _declare("ggml_quantize_chunk", _z, _i, _p, _p, _l, _l, _l, _p)
_validate = _declare("ggml_validate_row_data", ctypes.c_bool, _i, _p, _z)
_get_tensor = _declare("ggml_get_tensor", _p, _p, _s)
_free = _declare("ggml_free", None, _p)
_init_file = _declare("gguf_init_from_file", _p, _s, _InitParams)
_init_empty = _declare("gguf_init_empty", _p)
_gguf_free = _declare("gguf_free", None, _p)
_set_kv = _declare("gguf_set_kv", None, _p, _p)
_set_u32 = _declare("gguf_set_val_u32", None, _p, _s, ctypes.c_uint32)
_set_str = _declare("gguf_set_val_str", None, _p, _s, _s)
_remove_key = _declare("gguf_remove_key", _l, _p, _s)
_add_tensor = _declare("gguf_add_tensor", None, _p, _p)
_set_tensor_type = _declare("gguf_set_tensor_type", None, _p, _s, _i)
_meta_size = _declare("gguf_get_meta_size", _z, _p)
_meta_data = _declare("gguf_get_meta_data", None, _p, _p)
_data_offset = _declare("gguf_get_tensor_offset", _z, _p, _l)
_find_tensor = _declare("gguf_find_tensor", _l, _p, _s)
_op_name = _declare("ggml_op_name", _s, _i)


@cache
def op_name(number: int) -> str:
    """Name of an operation."""
    return str(_op_name(number).decode())


def row_size(kind: str, columns: int) -> int:
    """Bytes of one row."""
    return int(_row_size(TYPE_NUMBERS[kind], columns))


def to_float(kind: str, data: Bytes, out: Floats) -> Floats:
    """Turn rows of any type into float32 within ``out``, or give a view where they are float32 already."""
    match kind:
        case "F32":
            return data.view(np.float32)
        case "F16":
            part = out[: len(data) // 2]
            np.copyto(part, data.view(np.float16))
        case "BF16":
            part = out[: len(data) // 2]
            np.left_shift(data.view(np.uint16), 16, out=part.view(np.uint32), dtype=np.uint32)
        case _:
            traits = _traits(TYPE_NUMBERS[kind])[0]
            count = len(data) // traits.type_size * traits.block_size
            part = out[:count]
            traits.to_float(data.ctypes.data, part.ctypes.data, count)
    return part


def quantize_rows(
    kind: str, rows: Floats, columns: int, out: Bytes, importance: Floats | None = None
) -> memoryview | None:
    """Quantize whole rows into ``out``; returns the bytes, or None if they hold NaN or infinity.

    Args:
        kind: The type.
        rows: Flat, a whole number of rows.
        columns: Weights in a row.
        out: Room for the result.
        importance: One weight a column, or none.
    """
    number = TYPE_NUMBERS[kind]
    weights = None if importance is None else importance.ctypes.data
    size = _quantize_chunk(
        number, rows.ctypes.data, out.ctypes.data, 0, len(rows) // columns, columns, weights
    )
    return out[:size].data if _validate(number, out.ctypes.data, size) else None


def is_valid(kind: str, data: Bytes) -> bool:
    """Tell whether rows hold neither NaN nor infinity."""
    return bool(_validate(TYPE_NUMBERS[kind], data.ctypes.data, len(data)))


class Heads:
    """Writes the headers of quantized files after that of their source, byte for byte as llama.cpp does."""

    def __init__(self, source: Path):
        self._tensors = ctypes.c_void_p()
        self._gguf = _init_file(str(source).encode(), _InitParams(True, ctypes.pointer(self._tensors)))
        if not self._gguf:
            raise ValueError(f"cannot read the header of {source}")

    def make(self, ftype: int, types: Mapping[str, str], extra: Metadata) -> tuple[bytes, dict[str, int]]:
        """Return a header and where each tensor begins within the file."""
        head = _init_empty()
        try:
            _set_kv(head, self._gguf)
            _set_u32(head, b"general.quantization_version", _QUANTIZATION_VERSION)
            _set_u32(head, b"general.file_type", ftype)
            for key in _SPLIT_KEYS:
                _remove_key(head, key.encode())
            for key, value in extra.items():
                if isinstance(value, int):
                    _set_u32(head, key.encode(), value)
                else:
                    _set_str(head, key.encode(), value.encode())
            for name in types:
                _add_tensor(head, _get_tensor(self._tensors, name.encode()))
            for name, kind in types.items():
                _set_tensor_type(head, name.encode(), TYPE_NUMBERS[kind])
            size = int(_meta_size(head))
            buffer = ctypes.create_string_buffer(size)
            _meta_data(head, buffer)
            offsets = {
                name: size + int(_data_offset(head, _find_tensor(head, name.encode()))) for name in types
            }
            return buffer.raw, offsets
        finally:
            _gguf_free(head)

    def close(self) -> None:
        """Give the memory back."""
        _gguf_free(self._gguf)
        _free(self._tensors)
