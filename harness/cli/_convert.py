"""``quant-triage convert``: a checkpoint -> an F16 GGUF."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.quantize import convert

from . import _options as opt
from ._console import emit_json, err, one_line_errors
from ._progress import Stages


def convert_checkpoint(
    merged: Annotated[Path, typer.Argument(metavar="MERGED_DIR", help="Folder of the merged checkpoint.")],
    out: Annotated[Path, typer.Option("--out", help="The GGUF file.")],
    as_json: opt.Json = False,
) -> None:
    """Convert a checkpoint into an F16 GGUF, with the converter of the installed engine's own version."""
    with one_line_errors(), Stages(err) as stages:
        stage = stages.open("converting")
        path = convert(merged, out)
        stage.finish(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
        if as_json:
            emit_json({"gguf": str(path), "bytes": path.stat().st_size})
