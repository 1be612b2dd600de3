"""``quant-triage quantize``: an F16 GGUF -> every level asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from quant_triage.quantize import (
    Level,
    LevelFile,
    QuantizeProgress,
    Recipe,
    load_recipe,
    parse_levels,
    quantize,
)

from . import _options as opt
from ._console import emit_json, err, one_line_errors, say
from ._imatrix import imatrix_stage
from ._progress import Stages

_MEGABYTE = 1_000_000


def quantize_stage(
    stages: Stages,
    source: Path,
    folder: Path,
    levels: Sequence[Level | Recipe],
    *,
    imatrix: str = "none",
    allow_requantize: bool = False,
) -> list[LevelFile]:
    """Write the levels that are missing or different, with progress; collects the importance matrix first."""
    matrix = imatrix_stage(stages, source, folder, imatrix)
    stage = stages.open("quantizing")

    def show(progress: QuantizeProgress) -> None:
        note = f"MB into {len(progress.files)} files"
        stage.update(progress.done // _MEGABYTE, note, total=max(1, progress.total // _MEGABYTE))

    files = quantize(
        source, folder, levels, imatrix=matrix, allow_requantize=allow_requantize, on_progress=show
    )
    stage.finish(f"{len(files)} levels in {folder}")
    for file in files:
        if file.fallbacks:
            say(f"note: {file.level}: {len(file.fallbacks)} tensors fell back to another type (row size)")
    return files


def quantize_levels(
    source: Annotated[Path, typer.Argument(metavar="F16.gguf", help="The unquantized GGUF.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the levels.")],
    levels: Annotated[
        str | None,
        typer.Option("--levels", help="'all', or Q4_K_M,Q3_K_M,...; all unless a recipe is named."),
    ] = None,
    imatrix: opt.Imatrix = "none",
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", help="Shipped recipe or YAML file; may be repeated.")
    ] = None,
    allow_requantize: Annotated[
        bool, typer.Option("--allow-requantize", help="Take a quantized source; its errors add up.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Quantize an F16 GGUF to the levels asked for, all in one pass; finished ones are kept."""
    with one_line_errors(), Stages(err) as stages:
        recipes = [load_recipe(name) for name in recipe or []]
        chosen = levels or ("" if recipes else "all")
        wanted: list[Level | Recipe] = [
            *(parse_levels(chosen, imatrix=imatrix != "none") if chosen else ()),
            *recipes,
        ]
        for item in recipes:
            say(f"{item.name}: {' '.join(item.about.split())}")
        files = quantize_stage(
            stages, source, out, wanted, imatrix=imatrix, allow_requantize=allow_requantize
        )
        if as_json:
            emit_json({"files": [file.model_dump(mode="json") for file in files]})
