"""From one F16 GGUF to every level of the ladder."""

import re
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from quant_triage.data import ModelError, NotEnoughSpaceError, Record, UsageError, atomic_path, sha256_file

from ._gguf import GgufHeader, read_header
from ._levels import Level
from ._manifest import LevelFile, add_to_manifest, read_manifest
from ._native import Quantizer, TensorProgress, quantizer
from ._plan import Plan, plan_level
from ._protocol import Request

_UNQUANTIZED = {"F32", "F16", "BF16"}
_WRITE_FAILED = "iostream error"  # the C++ library's words
_RESERVE = 64 << 20
"""Bytes that we leave free on the disk."""


class QuantizeProgress(Record):
    """Where quantization stands: tensor ``tensor`` of ``tensors`` in level ``position`` of ``levels``."""

    level: str
    position: int
    levels: int
    tensor: int
    tensors: int


class _Source(Record):
    """The unquantized file as it was at the start."""

    path: Path
    header: GgufHeader
    sha256: str
    stamp: tuple[int, int]
    tools: dict[str, str]

    def made(self, file: LevelFile) -> bool:
        return (file.source_sha256, file.tools) == (self.sha256, self.tools)

    def refuse_change(self) -> None:
        if _stamp(self.path) != self.stamp:
            raise UsageError(f"{str(self.path)!r} changed while it was read: run again when it is complete")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _open_source(path: Path) -> _Source:
    """Read a file that may be quantized.

    Raises:
        UsageError: It is unreadable, not GGUF, cut off, part of a split model, or quantized already.
    """
    header = read_header(path)
    if int(header.metadata.get("split.count", 0)) > 1:
        raise UsageError(
            f"{str(path)!r} is one part of a split model: join the parts first (llama-gguf-split)"
        )
    if quantized := sorted(set(header.tensor_types) - _UNQUANTIZED):
        raise UsageError(
            f"{str(path)!r} is quantized already ({', '.join(quantized)}), and quantizing twice adds up the "
            "errors: give the F16, BF16 or F32 file"
        )
    stamp = _stamp(path)
    tools = {"llama-cpp-python": version("llama-cpp-python")}
    return _Source(path=path, header=header, sha256=sha256_file(path), stamp=stamp, tools=tools)


def level_file_name(source: Path, level: Level) -> str:
    """Return ``<name>-<level>.gguf``, or ``<level>.gguf`` where the source is named by its type alone."""
    name = re.sub(r"(^|[-_.])(f16|bf16|f32)$", "", source.stem, flags=re.IGNORECASE)
    return f"{name}-{level.name}.gguf" if name else f"{level.name}.gguf"


def quantize(
    source: Path,
    out_dir: Path,
    levels: Sequence[Level],
    *,
    threads: int = 0,
    on_progress: Callable[[QuantizeProgress], None] | None = None,
) -> list[LevelFile]:
    """Make levels of one model; those that are there already, made from the same bytes, are left alone.

    A file appears under its name only when complete and checked. After every level the folder's manifest
    (``quantize.json``) records its source, tools, hash, size and tensor types, so that a stopped run goes on.

    Args:
        source: An F16, BF16 or F32 GGUF.
        out_dir: Folder of the levels.
        levels: What to make, see `parse_levels`.
        threads: CPU threads; 0 takes all.
        on_progress: Called for every tensor.

    Returns:
        One record a level, in the order asked for.

    Raises:
        UsageError: The source is unusable or changed meanwhile, or a level needs an importance matrix.
        NotEnoughSpaceError: The disk cannot hold the files; nothing was started.
        ModelError: The quantizer failed or crashed.
    """
    for level in levels:
        if level.needs_imatrix:
            raise UsageError(f"level {level.name!r} needs an importance matrix: leave it out")
    opened = _open_source(source)
    names = {level_file_name(source, level): level for level in levels}
    known = {
        name: file
        for name, file in read_manifest(out_dir).files.items()
        if name in names and opened.made(file) and file.intact(out_dir)
    }
    missing = [level for name, level in names.items() if name not in known]
    if missing:
        out_dir.mkdir(parents=True, exist_ok=True)
        with quantizer() as child:
            plans = [plan_level(child, source, opened.header, level) for level in missing]
            _check_space(out_dir, plans)
            for position, plan in enumerate(plans, start=1):
                report = _reporter(on_progress, plan.level.name, position, len(plans))
                made = _make_level(child, opened, out_dir, plan, threads=threads, on_tensor=report)
                add_to_manifest(out_dir, made)
                known[made.file] = made
    return [known[name] for name in names]


def _reporter(
    on_progress: Callable[[QuantizeProgress], None] | None, level: str, position: int, levels: int
) -> TensorProgress:
    def report(tensor: int, tensors: int) -> None:
        if on_progress is not None:
            on_progress(
                QuantizeProgress(
                    level=level, position=position, levels=levels, tensor=tensor, tensors=tensors
                )
            )

    return report


def _check_space(out_dir: Path, plans: Sequence[Plan]) -> None:
    needed = sum(plan.bytes for plan in plans)
    free = max(0, shutil.disk_usage(out_dir).free - _RESERVE)
    if needed > free:
        raise NotEnoughSpaceError(
            f"{len(plans)} levels need {needed / 1e6:,.0f} MB, and the disk of {str(out_dir)!r} has "
            f"{free / 1e6:,.0f} MB: free some, or name another folder or fewer levels"
        )


def _disk_full(target: Path, plan: Plan) -> NotEnoughSpaceError:
    return NotEnoughSpaceError(
        f"cannot write all {plan.bytes:,} bytes of {target}: the disk is full; free some, then run again"
    )


def _make_level(
    child: Quantizer, source: _Source, out_dir: Path, plan: Plan, *, threads: int, on_tensor: TensorProgress
) -> LevelFile:
    """Write and check one level: the one place to replace when all levels are emitted in one pass."""
    target = out_dir / level_file_name(source.path, plan.level)
    with atomic_path(target) as temporary:
        request = Request(
            source=str(source.path), target=str(temporary), ftype=plan.level.ftype, threads=threads
        )
        try:
            child.call(request, on_tensor)
        except ModelError as error:
            if _WRITE_FAILED in error.cause:
                raise _disk_full(target, plan) from error
            raise
        source.refuse_change()
        # The quantizer does not notice the loss of the last bytes: the file has to prove that it is whole.
        size = temporary.stat().st_size
        if size < plan.bytes:
            raise _disk_full(target, plan)
        made = read_header(temporary)
        if {tensor.name: tensor.type for tensor in made.tensors} != plan.types:
            raise ModelError("quantize_failed", f"{target} has other tensor types than were planned")
        return LevelFile(
            level=plan.level.name,
            file=target.name,
            source=source.path.name,
            source_sha256=source.sha256,
            tools=source.tools,
            sha256=sha256_file(temporary),
            bytes=size,
            bits_per_weight=round(made.bits_per_weight, 4),
            tensor_types=made.tensor_types,
            fallbacks=plan.fallbacks,
        )
