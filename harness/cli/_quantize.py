"""``quant-triage quantize``: an F16 GGUF -> every level asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import UsageError
from quant_triage.quantize import Level, LevelFile, QuantizeProgress, parse_levels, quantize

from . import _options as opt
from ._console import emit_json, err, one_line_errors, say
from ._progress import Stages


def quantize_stage(stages: Stages, source: Path, folder: Path, levels: Sequence[Level]) -> list[LevelFile]:
    """Write the levels that are missing or different, with progress."""
    stage = stages.open("quantizing")

    def show(progress: QuantizeProgress) -> None:
        done = (progress.position - 1) * progress.tensors + progress.tensor
        stage.update(done, progress.level, total=progress.levels * progress.tensors)

    files = quantize(source, folder, levels, on_progress=show)
    stage.finish(f"{len(files)} levels in {folder}")
    for file in files:
        if file.fallbacks:
            say(f"note: {file.level}: {len(file.fallbacks)} tensors fell back to another type (row size)")
    return files


def quantize_levels(
    source: Annotated[Path, typer.Argument(metavar="F16.gguf", help="The unquantized GGUF.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the levels.")],
    levels: opt.Levels = "all",
    imatrix: opt.Imatrix = "none",
    as_json: opt.Json = False,
) -> None:
    """Quantize an F16 GGUF to the levels asked for; finished ones are kept."""
    with one_line_errors(), Stages(err) as stages:
        wanted = parse_levels(levels)
        if imatrix != "none":
            raise UsageError(f"--imatrix {imatrix!r} is not there yet: use none")
        files = quantize_stage(stages, source, out, wanted)
        if as_json:
            emit_json({"files": [file.model_dump(mode="json") for file in files]})
