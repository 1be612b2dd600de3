"""One pass over a source: each distinct (tensor, type) is quantized once, for all files that want it.

Threads take chunks of rows, whole ones, in the order of the files: convert to float32, quantize to each type
that any file wants, write to each of these files at its own place. Nothing is held but a few chunks a thread.
"""

import contextlib
import mmap
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from ._ggml import Floats, Heads, is_valid, quantize_rows, row_size, to_float
from ._gguf import GgufHeader, Tensor, read_header
from ._imatrix_file import ImportanceMatrix, read_imatrix
from ._protocol import PassRequest

_CHUNK = 1 << 18
"""Weights in a chunk, about: as float32 they stay within the cache of a core."""
_AHEAD = 4
"""Chunks in flight for each thread."""

Report = Callable[[int, int, int | None, str], None]
"""Told: source bytes done, all of them, tensors that are safe on the disk (now and then), the tensor."""


class PassError(Exception):
    """The pass cannot go on; the text says why."""


class TargetFullError(Exception):
    """The disk has no room for the target of this path."""


class _Want(NamedTuple):
    """A type that files want of one tensor: their descriptors, and where the tensor begins in each."""

    kind: str
    places: list[tuple[int, int]]


class _Chunk(NamedTuple):
    """Rows of one tensor that share one slice of the importance matrix."""

    tensor: Tensor
    wants: list[_Want]
    row: int
    rows: int
    importance: Floats | None


def run_pass(request: PassRequest, report: Report) -> None:
    """Write all targets of a request.

    Raises:
        PassError: The source holds NaN, or lacks what a target wants.
        TargetFullError: A target does not fit on its disk.
    """
    header = read_header(Path(request.source))
    descriptors = [os.open(target.path, os.O_RDWR | os.O_CREAT, 0o644) for target in request.targets]
    try:
        offsets = _write_heads(request, header, descriptors)
        tensors = {tensor.name: tensor for tensor in header.tensors}
        order = [tensors[name] for name in request.targets[0].types]
        imatrix = read_imatrix(Path(request.imatrix)) if request.imatrix else None
        chunks = (
            chunk
            for tensor in order[request.start :]
            for chunk in _chunks(tensor, _wants(tensor.name, request, descriptors, offsets), imatrix)
        )
        with _Pass(Path(request.source), header.data_offset) as work:
            _follow(work.run(chunks, request.threads), order, request, descriptors, report)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _follow(
    finished: Iterator[_Chunk],
    order: list[Tensor],
    request: PassRequest,
    descriptors: list[int],
    report: Report,
) -> None:
    """Report what is finished; now and then, and at the end, make sure that it is on the disk."""
    todo = sum(tensor.bytes for tensor in order)
    done = sum(tensor.bytes for tensor in order[: request.start])
    tensors, saved = request.start, time.monotonic()
    for chunk in finished:
        done += chunk.rows * row_size(chunk.tensor.type, chunk.tensor.shape[0])
        safe = None
        if chunk.row + chunk.rows == chunk.tensor.rows:
            tensors += 1
            if time.monotonic() - saved > request.save_seconds or tensors == len(order):
                for descriptor in descriptors:
                    os.fdatasync(descriptor)
                saved, safe = time.monotonic(), tensors
        report(done, todo, safe, chunk.tensor.name)


def _write_heads(request: PassRequest, header: GgufHeader, descriptors: list[int]) -> list[dict[str, int]]:
    """Write every target's header and take its whole room on the disk; returns where its tensors begin."""
    heads = Heads(Path(request.source))
    elements = {tensor.name: tensor for tensor in header.tensors}
    offsets = []
    try:
        for target, descriptor in zip(request.targets, descriptors, strict=True):
            head, places = heads.make(target.ftype, target.types, target.extra)
            last = next(reversed(target.types))
            tensor = elements[last]
            end = places[last] + tensor.rows * row_size(target.types[last], tensor.shape[0])
            end += -end % header.alignment
            try:
                os.posix_fallocate(descriptor, 0, end)
                os.truncate(descriptor, end)
                os.pwrite(descriptor, head, 0)
            except OSError as error:
                raise TargetFullError(target.path) from error
            offsets.append(places)
    finally:
        heads.close()
    return offsets


def _wants(
    name: str, request: PassRequest, descriptors: list[int], offsets: list[dict[str, int]]
) -> list[_Want]:
    by_type: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for target, descriptor, places in zip(request.targets, descriptors, offsets, strict=True):
        by_type[target.types[name]].append((descriptor, places[name]))
    return [_Want(kind, places) for kind, places in by_type.items()]


def _chunks(tensor: Tensor, wants: list[_Want], imatrix: ImportanceMatrix | None) -> Iterator[_Chunk]:
    """Cut a tensor into chunks of whole rows that never cross from one matrix (an expert) to the next."""
    columns = tensor.shape[0]
    matrix_rows = tensor.shape[1] if len(tensor.shape) > 1 else 1
    step = max(1, _CHUNK // columns)
    weights = imatrix.weights(tensor.name) if imatrix else None
    for row in range(0, tensor.rows, matrix_rows):
        importance = None
        if weights is not None:
            expert = row // matrix_rows
            importance = weights[expert * columns : (expert + 1) * columns]
        for first in range(row, row + matrix_rows, step):
            yield _Chunk(tensor, wants, first, min(step, row + matrix_rows - first), importance)


class _Pass:
    """The source's bytes, mapped into memory, and the buffers that each thread keeps."""

    def __init__(self, source: Path, data_offset: int):
        with source.open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._source = np.frombuffer(self._mapped, np.uint8)
        self._data_offset = data_offset
        self._buffers = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._source  # a mapping that is looked at cannot be closed
        with contextlib.suppress(BufferError):  # an error's traceback may still look at it
            self._mapped.close()

    def run(self, chunks: Iterator[_Chunk], threads: int) -> Iterator[_Chunk]:
        """Work on chunks side by side; yields each when it and all before it are written."""
        flight: deque[tuple[_Chunk, Future[None]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for chunk in chunks:
                    flight.append((chunk, pool.submit(self._write, chunk)))
                    if len(flight) >= threads * _AHEAD:
                        first, future = flight.popleft()
                        future.result()
                        yield first
                while flight:
                    first, future = flight.popleft()
                    future.result()
                    yield first
            finally:
                for _, future in flight:
                    future.cancel()

    def _write(self, chunk: _Chunk) -> None:
        tensor = chunk.tensor
        columns = tensor.shape[0]
        size = row_size(tensor.type, columns)
        begin = self._data_offset + tensor.offset + chunk.row * size
        data = self._source[begin : begin + chunk.rows * size]
        if not is_valid(tensor.type, data):
            raise PassError(f"tensor {tensor.name!r} holds NaN or infinity")
        rows: Floats | None = None
        for want in chunk.wants:
            if want.kind == tensor.type:
                made = data.data
            else:
                room = row_size(want.kind, columns)
                if rows is None:
                    rows = to_float(tensor.type, data, self._buffer("floats", chunk.rows * columns))
                out = self._buffer("bytes", chunk.rows * room)
                quantized = quantize_rows(want.kind, rows, columns, out, chunk.importance)
                if quantized is None:
                    raise PassError(f"tensor {tensor.name!r} holds NaN or infinity as {want.kind}")
                made = quantized
            for descriptor, place in want.places:
                _write_all(descriptor, made, place + chunk.row * len(made) // chunk.rows)

    def _buffer(self, name: str, size: int) -> np.ndarray:
        """Return this thread's buffer, at least so large."""
        buffer = getattr(self._buffers, name, None)
        if buffer is None or len(buffer) < size:
            buffer = np.empty(size, np.float32 if name == "floats" else np.uint8)
            setattr(self._buffers, name, buffer)
        return buffer[:size]


def _write_all(descriptor: int, data: memoryview, place: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, place)
        data, place = data[written:], place + written
