"""Collect an importance matrix: which columns of each weight meet large activations; for child processes.

The same as llama-imatrix: chunks of a text run through the model, and for every multiplication with a weight
of a block the squares of the activations are added up, column by column.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._engine import Engine, EngineError, Tokens, split
from ._ggml import GgmlTensor, op_name
from ._gguf import read_header
from ._imatrix_file import Entry, ImportanceMatrix, write_imatrix
from ._protocol import ImatrixRequest

_FEWEST_ROWS = 16  # llama-imatrix ignores smaller batches

Report = Callable[[int, int], None]


class _Collector:
    """Adds up squares while the model runs."""

    def __init__(self) -> None:
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._counts: dict[str, int] = {}
        self.used: set[str] = set()
        self.failure: str | None = None

    def observe(self, address: int, ask: bool) -> bool:
        """llama.cpp's callback: first asks whether we want a result, then shows it.

        Returns:
            Whether we want it; afterwards, whether the evaluation may go on.
        """
        tensor = GgmlTensor.from_address(address)
        name = op_name(tensor.op)
        if ask:
            if name == "MUL_MAT_ID":
                self.failure = "mixtures of experts are not supported here: collect it with llama-imatrix"
            if name != "MUL_MAT":
                return False
            weight, rows = tensor.source(0), tensor.source(1)
            named = weight.text_name
            if not named.startswith("blk."):
                return False
            self.used.add(named)
            return rows.ne[1] >= _FEWEST_ROWS and rows.is_float32
        self._add(tensor.source(0), tensor.source(1))
        return True

    def _add(self, weight: GgmlTensor, rows: GgmlTensor) -> None:
        columns, matrices = weight.ne[0], weight.ne[2] * weight.ne[3]
        sums = self._sums.setdefault(weight.text_name, np.zeros((matrices, columns)))
        values = rows.floats
        for i3 in range(values.shape[0]):
            for i2 in range(values.shape[1]):
                part = values[i3, i2]
                matrix = (i3 % weight.ne[3]) * weight.ne[2] + i2 % weight.ne[2]
                sums[matrix] += np.einsum("ij,ij->j", part, part, dtype=np.float64)
        count = values.shape[0] * values.shape[1] * values.shape[2] // matrices
        self._counts[weight.text_name] = self._counts.get(weight.text_name, 0) + count

    def entries(self) -> dict[str, Entry]:
        """What was collected.

        Raises:
            EngineError: Something is NaN or infinite.
        """
        if bad := [name for name, sums in self._sums.items() if not np.isfinite(sums).all()]:
            raise EngineError(f"activations before {bad[0]!r} are NaN or infinite")
        return {
            name: Entry(sums.astype(np.float32), np.array([self._counts[name]], np.float32))
            for name, sums in self._sums.items()
        }


def collect(request: ImatrixRequest, log: list[str], report: Report) -> tuple[int, list[str]]:
    """Write the matrix of a text.

    Weights that the model never uses (Gemma 3n's keys and values of layers that share those of others) get an
    entry without counts, which the format reads as "all columns alike", so that no weight is without one.

    Returns:
        How many chunks there were, and the unused weights.

    Raises:
        EngineError: The model cannot be used, or the text is too short.
    """
    source = Path(request.source)
    collector = _Collector()
    with Engine(
        source, context=request.chunk, threads=request.threads, log=log, observe=collector.observe
    ) as engine:
        tokens = engine.tokens(Path(request.text).read_text(encoding="utf-8"), special=request.special)
        count = len(tokens) // request.chunk
        if not count:
            raise EngineError(
                f"the text has {len(tokens)} tokens, and one chunk takes {request.chunk}: give a longer text"
            )
        for number in range(count):
            chunk = tokens[number * request.chunk : (number + 1) * request.chunk]
            _run(engine, engine.with_bos(chunk))
            if collector.failure:
                raise EngineError(collector.failure)
            report(number + 1, count)
    entries = collector.entries()
    matrices = [t for t in read_header(source).tensors if len(t.shape) > 1 and t.name.startswith("blk.")]
    unused = [t for t in matrices if t.name not in collector.used and t.name.endswith(".weight")]
    for tensor in unused:
        entries[tensor.name] = Entry(
            np.zeros((1, tensor.elements // tensor.shape[1]), np.float32), np.zeros(1, np.float32)
        )
    write_imatrix(
        Path(request.target),
        ImportanceMatrix(
            entries=entries, datasets=(request.dataset,), chunks=count, chunk_size=request.chunk
        ),
    )
    return count, [tensor.name for tensor in unused]


def _run(engine: Engine, tokens: Tokens) -> None:
    engine.restart()
    for piece in split(tokens, engine.piece):
        engine.feed(piece)  # with logits: otherwise the last layer would skip all tokens but the last
