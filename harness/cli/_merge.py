"""``quant-triage merge``: a base and an adapter -> a standalone bf16 checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import BASE_DIR
from quant_triage.training import merge

from . import _options as opt
from ._console import emit_json, err, one_line_errors
from ._progress import Stages


def merge_adapter(
    adapter: Annotated[Path, typer.Option("--adapter", help="Folder of the adapter.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the merged checkpoint.")],
    base: Annotated[
        str, typer.Option("--base", help="Checkpoint folder or hub id.", show_default="the bundled one")
    ] = str(BASE_DIR),
    as_json: opt.Json = False,
) -> None:
    """Merge an adapter into its base, tensor by tensor."""
    with one_line_errors(), Stages(err) as stages:
        stage = stages.open("merging")
        manifest = merge(base, adapter, out)
        stage.finish(f"checkpoint in {out}")
        if as_json:
            emit_json(manifest.model_dump(mode="json"))
