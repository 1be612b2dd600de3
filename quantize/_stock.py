"""llama.cpp's quantizer: its dry run, which says each tensor's type, and a whole run; for child processes."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

import llama_cpp

from ._gguf import TYPE_NUMBERS
from ._imatrix_file import read_imatrix
from ._protocol import PlanRequest, StockRequest


class QuantizerError(Exception):
    """The quantizer refuses the file; the text gives its words."""


def dry_run(request: PlanRequest, log: list[str]) -> None:
    """Let the quantizer say into ``log`` which type it gives each tensor.

    The choice depends on whether there is an importance matrix, so it is handed over as for a real run.

    Raises:
        QuantizerError: It refuses the file.
    """
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = request.ftype
    params.dry_run = True
    params.nthread = 1
    matrix = read_imatrix(Path(request.imatrix)) if request.imatrix else None
    weights = {name: entry.weights for name, entry in matrix.entries.items()} if matrix else {}
    data = (llama_cpp.llama_model_imatrix_data * (len(weights) + 1))()
    for slot, (name, values) in zip(data, weights.items(), strict=False):
        slot.name, slot.size = name.encode(), values.size
        slot.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    pins = (llama_cpp.llama_model_tensor_override * (len(request.pins) + 1))()
    for slot, (name, kind) in zip(pins, request.pins.items(), strict=False):
        # Anchored: the patterns are searched for anywhere within a name.
        slot.pattern, slot.type = f"^{name.replace('.', '[.]')}$".encode(), TYPE_NUMBERS[kind]
    if weights:
        params.imatrix = data
    if request.pins:
        params.tt_overrides = pins
    log.clear()
    if llama_cpp.llama_model_quantize(request.source.encode(), b"", ctypes.byref(params)):
        raise QuantizerError(_reason("".join(log)))


def stock(request: StockRequest, log: list[str]) -> tuple[float, float]:
    """Let the quantizer write one level; returns its wall and processor seconds.

    Raises:
        QuantizerError: It refuses the file.
    """
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = request.ftype, request.threads
    log.clear()
    began, cpu = time.perf_counter(), time.process_time()
    if llama_cpp.llama_model_quantize(request.source.encode(), request.target.encode(), ctypes.byref(params)):
        raise QuantizerError(_reason("".join(log)))
    return time.perf_counter() - began, time.process_time() - cpu


def _reason(log: str) -> str:
    """Return the quantizer's own words on its failure."""
    lines = [line.strip() for line in log.splitlines() if "failed to quantize:" in line]
    return lines[-1].partition("failed to quantize:")[2].strip() if lines else "the quantizer failed"


def collect_log() -> list[str]:
    """Send llama.cpp's messages into a list from now on, and nowhere else."""
    log: list[str] = []

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # a ctypes function type
    def collect(_level: int, text: bytes, _data: object) -> None:
        log.append(text.decode("utf-8", "replace"))

    llama_cpp.llama_log_set(collect, ctypes.c_void_p(0))
    _kept.append(collect)
    return log


_kept: list[Callable[[int, bytes, object], None]] = []
"""llama.cpp goes on calling these: they must not be collected."""
