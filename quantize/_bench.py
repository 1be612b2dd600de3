"""The one-pass ladder beside llama.cpp's quantizer called once per level: same source, levels and threads."""

import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from quant_triage.data import ModelError, Record, sha256_file, usable_cores

from ._gguf import read_header
from ._levels import Level
from ._native import native
from ._protocol import StockRequest
from ._quantize import quantize

SIX = "Q2_K,Q3_K_S,Q3_K_M,Q3_K_L,Q4_0,Q4_K_M"
"""The levels of the comparison that this project started from."""
SIX_TARGET, ALL_TARGET = 0.50, 0.60
MEMORY_TARGET = 512 << 20

_SAMPLE_SECONDS = 0.02

Told = Callable[[str], None]


class QuantizeBench(Record):
    """What was measured; seconds a round, peaks of anonymous memory in bytes.

    Attributes:
        source: The unquantized file, and its weights and bytes.
        levels: What was made.
        threads: For both.
        ours: Seconds of one call for all levels: planning, the pass, checks and hashes.
        ours_cpu: Processor seconds of the same.
        stock: Seconds of ``llama_model_quantize``, summed over one call a level; nothing else is counted.
        stock_cpu: Processor seconds of the same.
        anonymous: Peak of our processes together, the interpreter and its libraries included.
        identical: Whether every file has the very bytes of llama.cpp's.
        target: What the ratio of the medians may be at most.
    """

    source: str
    weights: int
    bytes: int
    levels: tuple[str, ...]
    threads: int
    ours: tuple[float, ...]
    ours_cpu: tuple[float, ...]
    stock: tuple[float, ...]
    stock_cpu: tuple[float, ...]
    anonymous: int
    identical: bool
    target: float

    @property
    def ratio(self) -> float:
        """Our time over llama.cpp's, both medians."""
        return statistics.median(self.ours) / statistics.median(self.stock)

    @property
    def cpu_ratio(self) -> float:
        """The same of processor time, which busy neighbours hardly change."""
        return statistics.median(self.ours_cpu) / statistics.median(self.stock_cpu)

    @property
    def reached(self) -> bool:
        """Whether the bytes are the same, and time and memory within their targets."""
        return self.identical and self.ratio <= self.target and self.anonymous <= MEMORY_TARGET


class _Watch:
    """Samples the anonymous memory of this process and its children, and counts their processor time."""

    def __init__(self) -> None:
        self.peak = 0
        self.cpu = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._before = _cpu()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu = _cpu() - self._before

    def _run(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(_SAMPLE_SECONDS):
            processes = [os.getpid(), *(child.pid for child in me.children())]
            self.peak = max(self.peak, sum(map(anonymous_bytes, processes)))


def _cpu() -> float:
    """Processor seconds of this process and of the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def anonymous_bytes(pid: int) -> int:
    """Anonymous memory of a process; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def bench_quantize(
    source: Path,
    levels: Sequence[Level],
    folder: Path,
    *,
    target: float,
    rounds: int = 1,
    threads: int = 0,
    told: Told = lambda _line: None,
) -> QuantizeBench:
    """Make the same levels both ways, in turn, and compare every byte.

    Args:
        source: The unquantized file.
        levels: What to make.
        folder: Scratch; both ways' files are removed again.
        target: What our time over llama.cpp's may be at most.
        rounds: How often.
        threads: For both; 0 takes all that this process may use.
        told: Told every figure as it comes.

    Raises:
        ModelError: One of the two failed.
        NotEnoughSpaceError: The folder's disk is full.
    """
    cores = threads or usable_cores()
    ours, ours_cpu, stock, stock_cpu, peak, same = [], [], [], [], 0, True
    for number in range(rounds):
        out = folder / "ours"
        shutil.rmtree(out, ignore_errors=True)
        with _Watch() as watch:
            began = time.perf_counter()
            files = quantize(source, out, levels, threads=cores)
            ours.append(time.perf_counter() - began)
        ours_cpu.append(watch.cpu)
        peak = max(peak, watch.peak)
        told(
            f"round {number + 1}: {len(files)} levels in one pass: {ours[-1]:.1f} s, {watch.cpu:.1f} s of CPU"
        )
        seconds = cpu = 0.0
        for level, file in zip(levels, files, strict=True):
            once, once_cpu = _stock(source, folder / "stock.gguf", level, cores)
            seconds, cpu = seconds + once, cpu + once_cpu
            same = same and sha256_file(folder / "stock.gguf") == file.sha256
            told(f"  llama_model_quantize {level.name}: {once:.1f} s, {once_cpu:.1f} s of CPU")
        stock.append(seconds)
        stock_cpu.append(cpu)
    (folder / "stock.gguf").unlink(missing_ok=True)
    shutil.rmtree(folder / "ours", ignore_errors=True)
    header = read_header(source)
    return QuantizeBench(
        source=source.name,
        weights=sum(tensor.elements for tensor in header.tensors),
        bytes=source.stat().st_size,
        levels=tuple(level.name for level in levels),
        threads=cores,
        ours=tuple(ours),
        ours_cpu=tuple(ours_cpu),
        stock=tuple(stock),
        stock_cpu=tuple(stock_cpu),
        anonymous=peak,
        identical=same,
        target=target,
    )


def _stock(source: Path, target: Path, level: Level, threads: int) -> tuple[float, float]:
    """Call llama.cpp's quantizer once; returns its wall and processor seconds, as its process sees them."""
    with native() as child:
        text = child.call(
            StockRequest(source=str(source), target=str(target), ftype=level.ftype, threads=threads)
        )
    seconds, cpu = map(float, text.split())
    if not target.is_file():
        raise ModelError("quantize_failed", f"llama.cpp wrote no {level.name}")
    return seconds, cpu


def quantize_section(
    benches: Sequence[QuantizeBench], *, command: str, when: str, machine: str, neighbours: str
) -> str:
    """Render the benchmark as Markdown; ``neighbours`` says what else ran on the machine."""
    first = benches[0]
    lines = [
        "## The ladder",
        "",
        f"`{command}`, {when}. {machine}, {first.threads} threads.",
        neighbours,
        "",
        f"Source: `{first.source}`, {first.weights / 1e6:.0f} M weights, {first.bytes / 1e6:.0f} MB.",
        f"Median of {len(first.ours)}, in turn. Ours is the whole command, with checks and hashes;",
        "llama.cpp's is `llama_model_quantize` alone.",
        "",
        "| levels | one pass | one by one | ratio | CPU ratio | asked for | bytes | anonymous memory |",
        "|---|--:|--:|--:|--:|--:|---|--:|",
    ]
    for bench in benches:
        asked = f"at most {bench.target:.2f}{'' if bench.ratio <= bench.target else ', **missed**'}"
        lines.append(
            f"| {len(bench.levels)}: {', '.join(bench.levels)} | {statistics.median(bench.ours):.1f} s "
            f"| {statistics.median(bench.stock):.1f} s | {bench.ratio:.2f} | {bench.cpu_ratio:.2f} | {asked} "
            f"| {'identical' if bench.identical else '**different**'} "
            f"| {bench.anonymous >> 20} MiB (at most {MEMORY_TARGET >> 20}) |"
        )
    return "\n".join(lines)
