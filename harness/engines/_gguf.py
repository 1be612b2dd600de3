"""Inspect a GGUF file without loading the model: identity, level, tensors, chat template.

The reader is our own and small: every length is checked against the bytes that are left, so a
hostile or truncated header gives one clear line and never a crash or a huge allocation.
"""

import functools
import math
import struct
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from quant_triage.data import FileFormatError, Record, UsageError, sha256_file, sha256_text

from .._records import ModelCard
from ._levels import UNQUANTIZED
from ._template import check_syntax

_SCALARS: dict[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_ENTRIES = 1 << 20
_MAX_KEY = 1 << 16
_MAX_DIMENSIONS = 4
_HEAD = struct.Struct("<4sIQQ")
_ASK_AGAIN = "get the file again"

MetadataValue = int | float | bool | str


class TensorInfo(Record):
    """One tensor as the header describes it; ``size`` and ``offset`` in bytes within the data section."""

    name: str
    type: str
    elements: int
    size: int
    offset: int


class GgufInfo(Record):
    """A GGUF header: scalar and string metadata (arrays are left out) and the tensors."""

    version: int
    metadata: dict[str, MetadataValue]
    tensors: tuple[TensorInfo, ...]

    @property
    def level(self) -> str:
        """Quantization level as llama.cpp names it, such as ``"Q4_K_M"``.

        Without ``general.file_type``, the type that holds most weights.
        """
        value = self.metadata.get("general.file_type")
        if isinstance(value, int) and value in LlamaFileType.__members__.values():
            name = str(LlamaFileType(value).name)
            if name != "GUESSED":
                return name.removeprefix("MOSTLY_").removeprefix("ALL_")
        weights: Counter[str] = Counter()
        for tensor in self.tensors:
            weights[tensor.type] += tensor.elements
        return str(weights.most_common(1)[0][0]) if weights else "unknown"

    @property
    def bits_per_weight(self) -> float | None:
        """Stored bits over weights, all tensors counted."""
        weights = sum(tensor.elements for tensor in self.tensors)
        return 8 * sum(tensor.size for tensor in self.tensors) / weights if weights else None

    @property
    def tensor_types(self) -> dict[str, int]:
        """How many tensors have each type, the commonest first."""
        return dict(Counter(tensor.type for tensor in self.tensors).most_common())

    @property
    def template(self) -> str | None:
        """The model's own chat template, or ``None``."""
        value = self.metadata.get("tokenizer.chat_template")
        return value if isinstance(value, str) and value.strip() else None

    @property
    def recipe(self) -> str | None:
        """The recipe that our quantizer made it by, or ``None``."""
        value = self.metadata.get("quant_triage.recipe")
        return value if isinstance(value, str) and value.strip() else None

    @property
    def kind(self) -> str:
        """What the file is for: ``"model"``, ``"adapter"``, ``"imatrix"``, ``"mmproj"`` or the like."""
        return str(self.metadata.get("general.type", "model"))


class _Reader:
    """Reads little-endian values and refuses to step past the end of the file."""

    def __init__(self, file: BinaryIO, path: Path, size: int):
        self._file, self._path, self.left = file, path, size
        self.position = 0

    def fail(self, problem: str) -> FileFormatError:
        return FileFormatError(self._path, f"is not a usable GGUF: {problem}; {_ASK_AGAIN}")

    def take(self, count: int) -> bytes:
        self._spend(count)
        data = self._file.read(count)
        if len(data) != count:
            raise self.fail("the file shrank while it was read")
        return data

    def skip(self, count: int) -> None:
        self._spend(count)
        self._file.seek(count, 1)

    def _spend(self, count: int) -> None:
        if count > self.left:
            raise self.fail(f"the header ends after {self.position + self.left} bytes, it is truncated")
        self.left -= count
        self.position += count

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self, limit: int) -> str:
        length = self.number("<Q")
        if length > limit:
            raise self.fail(f"a string claims {length} bytes")
        return self.take(length).decode("utf-8", errors="replace")

    def value(self, kind: int) -> MetadataValue | None:
        """Read one metadata value; an array is skipped and gives ``None``."""
        if kind in _SCALARS:
            (value,) = struct.unpack(_SCALARS[kind], self.take(struct.calcsize(_SCALARS[kind])))
            return value  # type: ignore[no-any-return]
        if kind == _STRING:
            return self.text(self.left)
        if kind == _ARRAY:
            element, count = self.number("<I"), self.number("<Q")
            if element in _SCALARS:
                self.skip(count * struct.calcsize(_SCALARS[element]))
                return None
            if element == _STRING:
                if count * 8 > self.left:
                    raise self.fail(f"an array claims {count} strings")
                for _ in range(count):
                    self.skip(self.number("<Q"))
                return None
            raise self.fail(f"an array of unknown type {element}")
        raise self.fail(f"metadata of unknown type {kind}")


def _tensor(reader: _Reader) -> TensorInfo:
    name = reader.text(_MAX_KEY)
    dimensions = reader.number("<I")
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise reader.fail(f"tensor {name!r} has {dimensions} dimensions")
    shape = [reader.number("<Q") for _ in range(dimensions)]
    number = reader.number("<I")
    offset = reader.number("<Q")
    if number not in GGMLQuantizationType.__members__.values():
        raise reader.fail(f"tensor {name!r} has the unknown type {number}")
    kind = GGMLQuantizationType(number)
    block, size = GGML_QUANT_SIZES[kind]
    elements = math.prod(shape)
    if elements % block or shape[0] % block:
        raise reader.fail(f"tensor {name!r} has rows of {shape[0]}, not a multiple of {block}")
    return TensorInfo(
        name=name, type=kind.name, elements=elements, size=elements // block * size, offset=offset
    )


def read_header(path: Path) -> GgufInfo:
    """Read and check a GGUF header, without the weights.

    Raises:
        UsageError: The file is missing or unreadable.
        FileFormatError: It is not GGUF, its header is damaged, or tensor data extends beyond its end.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(_Reader(file, path, size), path, size)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _read(reader: _Reader, path: Path, size: int) -> GgufInfo:
    if size < _HEAD.size:
        raise FileFormatError(path, f"is not a GGUF file: it has only {size} bytes")
    magic, version, tensor_count, value_count = _HEAD.unpack(reader.take(_HEAD.size))
    if magic != b"GGUF":
        raise FileFormatError(path, f"is not a GGUF file: it begins with {magic!r}, not b'GGUF'")
    if version not in {2, 3}:
        raise FileFormatError(path, f"has GGUF version {version}, not 2 or 3")
    if max(tensor_count, value_count) > _MAX_ENTRIES:
        raise reader.fail(f"the header claims {tensor_count} tensors and {value_count} values")
    metadata: dict[str, MetadataValue] = {}
    for _ in range(value_count):
        key = reader.text(_MAX_KEY)
        value = reader.value(reader.number("<I"))
        if value is not None:
            metadata[key] = value
    tensors = tuple(_tensor(reader) for _ in range(tensor_count))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= _MAX_KEY:
        raise reader.fail(f"alignment {alignment!r}")
    start = -(-reader.position // alignment) * alignment
    end = start + max((tensor.offset + tensor.size for tensor in tensors), default=0)
    if end > size:
        raise FileFormatError(
            path, f"is truncated: its header promises {end} bytes and it has {size}; {_ASK_AGAIN}"
        )
    return GgufInfo(version=version, metadata=metadata, tensors=tensors)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _mtime_ns: int, _inode: int) -> str:
    return sha256_file(path)


def gguf_hash(path: Path) -> str:
    """Hex sha256 of a file's bytes, remembered within this process while size, time and inode stay the same.

    Raises:
        OSError: It cannot be read.
    """
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns, status.st_ino)


def inspect_gguf(path: Path) -> ModelCard:
    """Describe a GGUF model: what can be known before it is loaded.

    Raises:
        UsageError: The file is missing, or is an adapter, an importance matrix or one part of several.
        FileFormatError: It is not GGUF, is truncated, or carries no chat template or a malformed one.
    """
    info = read_header(path)
    if info.kind != "model":
        raise UsageError(f"{str(path)!r} holds a GGUF of type {info.kind!r}, not a model")
    parts = info.metadata.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise UsageError(f"{str(path)!r} is one of {parts} parts: join them with llama-gguf-split --merge")
    if info.template is None:
        raise FileFormatError(
            path,
            "carries no chat template (tokenizer.chat_template): convert it from a checkpoint that has one,"
            " or add it with gguf_new_metadata.py --chat-template",
        )
    check_syntax(info.template, path)
    return ModelCard(
        name=path.stem,
        level=info.level,
        recipe=info.recipe,
        sha256=gguf_hash(path),
        bytes=path.stat().st_size,
        bits_per_weight=info.bits_per_weight,
        tensor_types=info.tensor_types,
        template_sha256=sha256_text(info.template),
        reference=info.level in UNQUANTIZED,
    )
