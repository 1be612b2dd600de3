"""Importance matrices in llama.cpp's GGUF format: read, check, write.

For every weight matrix the file holds, column by column, the sum of squared activations that met it
(``<tensor>.in_sum2``) and how many there were (``<tensor>.counts``), one count for each expert.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter
from numpy.typing import NDArray

from quant_triage.data import FileFormatError, UsageError, atomic_path

Floats = NDArray[np.float32]

_SUMS, _COUNTS = ".in_sum2", ".counts"
_DATASETS, _CHUNKS, _SIZE = "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"


@dataclass(frozen=True, slots=True)
class Entry:
    """Sums of squared activations (experts x columns) and their counts (one an expert), float32."""

    sums: Floats
    counts: Floats

    @property
    def weights(self) -> Floats:
        """Mean squares, flat, as llama.cpp's quantizer takes them; 1 for an expert that nothing reached."""
        counts = self.counts[:, None]
        means = np.divide(self.sums, counts, out=np.ones_like(self.sums), where=counts > 0)
        return np.ascontiguousarray(means.reshape(-1))


@dataclass(frozen=True, slots=True)
class ImportanceMatrix:
    """A matrix by tensor name, and the text that it was collected on."""

    entries: Mapping[str, Entry]
    datasets: tuple[str, ...]
    chunks: int
    chunk_size: int

    def weights(self, name: str) -> Floats | None:
        """Weights of a tensor's columns, or None if it has no entry."""
        entry = self.entries.get(name)
        return None if entry is None else entry.weights


def read_imatrix(path: Path) -> ImportanceMatrix:
    """Read a matrix.

    Raises:
        UsageError: The file cannot be read.
        FileFormatError: It is no importance matrix in GGUF, or is incomplete.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic != b"GGUF":
            raise FileFormatError(
                path, "is no importance matrix in GGUF: an old .dat file must be made again, see 'imatrix'"
            )
        reader = GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
        tensors = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except (ValueError, KeyError, IndexError) as error:
        raise FileFormatError(path, f"is not a usable GGUF ({error})") from error
    if fields.get("general.type") != "imatrix":
        raise FileFormatError(path, f"holds a GGUF of type {fields.get('general.type')!r}, not an imatrix")
    if missing := [key for key in (_DATASETS, _CHUNKS, _SIZE) if key not in fields]:
        raise FileFormatError(path, "is missing", field=missing[0])
    entries = {}
    for name in sorted({name.removesuffix(_SUMS).removesuffix(_COUNTS) for name in tensors}):
        if not {name + _SUMS, name + _COUNTS} <= tensors.keys():
            raise FileFormatError(path, f"holds half of the entry of {name!r}")
        counts = tensors[name + _COUNTS].reshape(-1)
        sums = tensors[name + _SUMS].reshape(len(counts), -1)
        if not (np.isfinite(sums).all() and np.isfinite(counts).all()):
            raise FileFormatError(path, f"holds NaN or infinity for {name!r}")
        entries[name] = Entry(sums, counts)
    return ImportanceMatrix(
        entries=entries,
        datasets=tuple(map(str, fields[_DATASETS])),
        chunks=int(fields[_CHUNKS]),
        chunk_size=int(fields[_SIZE]),
    )


def write_imatrix(path: Path, matrix: ImportanceMatrix) -> None:
    """Write a matrix as llama-imatrix does; the file appears only when complete."""
    with atomic_path(path) as temporary:
        writer = GGUFWriter(temporary, "")
        writer.kv_data[0].clear()  # an importance matrix has no architecture
        writer.add_type("imatrix")
        writer.add_array(_DATASETS, list(matrix.datasets))
        writer.add_uint32(_CHUNKS, matrix.chunks)
        writer.add_uint32(_SIZE, matrix.chunk_size)
        for name in sorted(matrix.entries):
            entry = matrix.entries[name]
            writer.add_tensor(name + _SUMS, entry.sums)
            writer.add_tensor(name + _COUNTS, entry.counts.reshape(-1, 1))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def missing_entries(
    matrix: ImportanceMatrix, tensors: Mapping[str, Sequence[int]], quantized: Sequence[str]
) -> list[str]:
    """Name the tensors that are to be quantized and whose entry is missing or has another size.

    Embedding tables are looked up, not multiplied by activations, and llama-imatrix leaves the output out:
    neither is expected.

    Args:
        matrix: The matrix.
        tensors: Shape of every tensor, row length first.
        quantized: Those to be quantized.
    """
    wrong = []
    for name in quantized:
        if name in {"token_embd.weight", "per_layer_token_embd.weight", "output.weight"}:
            continue
        shape = tensors[name]
        entry = matrix.entries.get(name)
        if entry is None or entry.sums.size != shape[0] * (shape[2] if len(shape) > 2 else 1):
            wrong.append(name)
    return wrong
