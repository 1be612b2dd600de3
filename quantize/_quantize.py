"""From one unquantized GGUF to every level of the ladder, in one pass over its tensors."""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from quant_triage.data import (
    ModelError,
    NotEnoughSpaceError,
    Record,
    UsageError,
    sha256_file,
    sha256_text,
    usable_cores,
)

from ._gguf import read_header
from ._imatrix_file import ImportanceMatrix, read_imatrix
from ._levels import Level
from ._manifest import ImatrixUsed, LevelFile, add_to_manifest, read_manifest
from ._native import Native, TargetFullError, native
from ._parts import Parts, only_here
from ._plan import Imatrix, Plan, plan_file
from ._protocol import Event, PassRequest
from ._recipe import Recipe
from ._source import SourceFile, open_source

_RESERVE = 64 << 20
"""Bytes that we leave free on the disk."""


class QuantizeProgress(Record):
    """Where the pass stands: ``done`` of ``total`` source bytes are written to all of ``files``."""

    files: tuple[str, ...]
    tensor: str
    done: int
    total: int


class _Pace(Record):
    """How many threads to take, and how often to record what is done."""

    threads: int
    save_seconds: float

    @property
    def cores(self) -> int:
        return self.threads or usable_cores()


OnProgress = Callable[[QuantizeProgress], None]


def file_name(source: Path, level: Level | Recipe) -> str:
    """Return ``<name>-<level>.gguf``, or ``<level>.gguf`` where the source is named by its type alone."""
    name = re.sub(r"(^|[-_.])(f16|bf16|f32)$", "", source.stem, flags=re.IGNORECASE)
    return f"{name}-{level.name}.gguf" if name else f"{level.name}.gguf"


def quantize(
    source: Path,
    out_dir: Path,
    levels: Sequence[Level | Recipe],
    *,
    imatrix: Path | None = None,
    allow_requantize: bool = False,
    threads: int = 0,
    save_seconds: float = 20.0,
    on_progress: OnProgress | None = None,
) -> list[LevelFile]:
    """Make levels of one model; those that are there already, made from the same bytes, are left alone.

    All missing levels are made in one pass: each distinct (tensor, type) is quantized once. Files appear
    under their names only when complete and checked; an interrupted pass goes on where it was. The folder's
    manifest (``quantize.json``) records each file's source, tools, importance matrix, hash, size and tensor
    types.

    Args:
        source: An F16, BF16 or F32 GGUF.
        out_dir: Folder of the levels.
        levels: What to make, see `parse_levels` and `load_recipe`.
        imatrix: Importance matrix; some levels need one.
        allow_requantize: Take a source that is quantized already, at the cost of errors that add up.
        threads: CPU threads; 0 takes all that this process may use.
        save_seconds: How often to record what is on the disk, for an interrupted pass to go on from.
        on_progress: Told often enough to draw a bar.

    Returns:
        One record a level, in the order asked for.

    Raises:
        UsageError: The source, a recipe or the matrix is unusable, the source changed meanwhile, or a level
            needs a
            matrix and none is given.
        NotEnoughSpaceError: The disk cannot hold the files; nothing was started.
        ModelError: The quantizer failed or crashed.
    """
    for level in levels:
        base = level.base if isinstance(level, Recipe) else level
        if base.needs_imatrix and imatrix is None:
            raise UsageError(
                f"level {level.name!r} needs an importance matrix: name one with --imatrix, or leave it out"
            )
    opened = open_source(source, allow_requantize=allow_requantize)
    matrix = _open_imatrix(imatrix)
    names = {file_name(source, level): level for level in levels}
    for name in names:
        if (out_dir / name).resolve() == source.resolve():
            raise UsageError(f"{name!r} would replace its own source: name another folder with --out")
    out_dir.mkdir(parents=True, exist_ok=True)
    with only_here(out_dir):
        known = {
            name: file
            for name, file in read_manifest(out_dir).files.items()
            if name in names and _is_same(file, opened, names[name], matrix) and file.intact(out_dir)
        }
        missing = [level for name, level in names.items() if name not in known]
        if missing:
            with native() as child:
                plans = [plan_file(child, source, opened.header, level, matrix) for level in missing]
                pace = _Pace(threads=threads, save_seconds=save_seconds)
                made = _make(child, opened, out_dir, plans, matrix=matrix, pace=pace, on_progress=on_progress)
            known |= {file.file: file for file in made}
    return [known[name] for name in names]


def plan_sizes(
    source: Path, levels: Sequence[Level | Recipe], *, imatrix: Path | None = None
) -> dict[str, int]:
    """Return the exact size in bytes of each level's file, without writing anything.

    Raises:
        UsageError: The source, a recipe or the matrix is unusable.
        ModelError: The quantizer failed or crashed.
    """
    header, matrix = read_header(source), _open_imatrix(imatrix)
    with native() as child:
        return {level.name: plan_file(child, source, header, level, matrix).bytes for level in levels}


def _open_imatrix(path: Path | None) -> tuple[Imatrix, ImportanceMatrix] | None:
    if path is None:
        return None
    matrix = read_imatrix(path)
    used = Imatrix(
        path=path,
        sha256=sha256_file(path),
        datasets=matrix.datasets,
        chunks=matrix.chunks,
        entries=len(matrix.entries),
    )
    return used, matrix


def _is_same(
    file: LevelFile,
    source: SourceFile,
    level: Level | Recipe,
    matrix: tuple[Imatrix, ImportanceMatrix] | None,
) -> bool:
    """Tell whether a recorded file was made of the same things."""
    recipe = level.sha256 if isinstance(level, Recipe) else None
    used = matrix[0].sha256 if matrix else None
    return (file.source_sha256, file.tools, file.recipe_sha256, file.imatrix and file.imatrix.sha256) == (
        source.sha256,
        source.tools,
        recipe,
        used,
    )


def _make(
    child: Native,
    source: SourceFile,
    out_dir: Path,
    plans: Sequence[Plan],
    *,
    matrix: tuple[Imatrix, ImportanceMatrix] | None,
    pace: _Pace,
    on_progress: OnProgress | None,
) -> list[LevelFile]:
    """Make all planned files side by side; they take their names together, when all are complete."""
    files = {file_name(source.path, plan.recipe or plan.level): plan for plan in plans}
    key = sha256_text(source.sha256, *source.tools.values(), *(p.model_dump_json() for p in plans))
    parts = Parts(out_dir, key if matrix is None else sha256_text(key, matrix[0].sha256))
    try:
        _check_space(out_dir, plans, parts.bytes)
        _pass(child, _request(source, files, parts, matrix, pace), files, parts, on_progress)
        source.refuse_change()
        used = matrix[0] if matrix else None
        with ThreadPoolExecutor(pace.cores) as pool:
            made = list(
                pool.map(lambda item: _check(source, parts.path(item[0]), item[1], used), files.items())
            )
        for file in made:
            parts.path(file.file).replace(out_dir / file.file)
            add_to_manifest(out_dir, file)
    except Exception:  # an interruption is none: what it leaves is gone on with
        parts.remove()
        raise
    parts.remove()
    return made


def _request(
    source: SourceFile,
    files: Mapping[str, Plan],
    parts: Parts,
    matrix: tuple[Imatrix, ImportanceMatrix] | None,
    pace: _Pace,
) -> PassRequest:
    return PassRequest(
        source=str(source.path),
        targets=tuple(plan.target(parts.path(name)) for name, plan in files.items()),
        imatrix=str(matrix[0].path) if matrix else None,
        threads=pace.cores,
        save_seconds=pace.save_seconds,
        start=parts.start,
    )


def _pass(
    child: Native,
    request: PassRequest,
    files: Mapping[str, Plan],
    parts: Parts,
    on_progress: OnProgress | None,
) -> None:
    names = tuple(plan.name for plan in files.values())

    def follow(event: Event) -> None:
        if event.saved is not None:
            parts.save(event.saved)
        if on_progress is not None:
            on_progress(QuantizeProgress(files=names, tensor=event.text, done=event.done, total=event.total))

    try:
        child.call(request, follow)
    except TargetFullError as error:
        file = Path(error.path).name
        if file not in files:
            raise
        raise NotEnoughSpaceError(
            f"cannot write all {files[file].bytes:,} bytes of {parts.final(file)}: the disk is full; "
            "free some, then run again"
        ) from error


def _check_space(out_dir: Path, plans: Sequence[Plan], taken: int) -> None:
    needed = sum(plan.bytes for plan in plans) - taken
    free = max(0, shutil.disk_usage(out_dir).free - _RESERVE)
    if needed > free:
        raise NotEnoughSpaceError(
            f"{len(plans)} levels need {needed / 1e6:,.0f} MB, and the disk of {str(out_dir)!r} has "
            f"{free / 1e6:,.0f} MB: free some, or name another folder or fewer levels"
        )


def _check(source: SourceFile, path: Path, plan: Plan, used: Imatrix | None) -> LevelFile:
    """Let a written file prove that it is what was planned, and record it.

    Raises:
        ModelError: It is not.
    """
    header = read_header(path)
    if {tensor.name: tensor.type for tensor in header.tensors} != plan.types:
        raise ModelError("quantize_failed", f"{path.name} has other tensor types than were planned")
    size = path.stat().st_size
    if size != plan.bytes:
        raise ModelError("quantize_failed", f"{path.name} has {size:,} bytes, and not {plan.bytes:,}")
    return LevelFile(
        level=plan.name,
        file=path.name,
        source=source.path.name,
        source_sha256=source.sha256,
        tools=source.tools,
        sha256=sha256_file(path),
        bytes=size,
        bits_per_weight=round(header.bits_per_weight, 4),
        tensor_types=header.tensor_types,
        fallbacks=plan.fallbacks,
        base=plan.level.name if plan.recipe else None,
        recipe_sha256=plan.recipe.sha256 if plan.recipe else None,
        imatrix=ImatrixUsed(
            file=used.path.name, sha256=used.sha256, datasets=used.datasets, chunks=used.chunks
        )
        if used
        else None,
    )
