"""``quant-triage run``: the whole pipeline, from a base to the level that may be deployed."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import EMERGENCY_DATASET
from quant_triage.quantize import convert, parse_levels
from quant_triage.training import merge, resolve_base, resolve_config

from . import _options as opt
from ._asking import Asking, asks, evaluate_into
from ._console import err, one_line_errors, say
from ._deploy import deploy
from ._imatrix import check_imatrix
from ._lineage import lineage
from ._parity import parity_stage
from ._progress import Stages
from ._quantize import quantize_stage
from ._train import train_stage


def _base_gguf(stages: Stages, base: str, folder: Path) -> Path:
    """Convert the base as it was before fine-tuning."""
    file = folder / "base-F16.gguf"
    stage = stages.open("converting the base")
    convert(resolve_base(base), file)
    stage.finish(str(file))
    return file


@asks()
def run(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; run again and it goes on.")],
    base: opt.Base = None,
    data: opt.Data = EMERGENCY_DATASET,
    levels: opt.Levels = "all",
    imatrix: opt.Imatrix = "none",
    backend: opt.Backend = "auto",
    preset: opt.Preset = "bundled",
    config: opt.Config = None,
    asking: Asking,
    ask_base: Annotated[
        bool, typer.Option(help="Ask the base before fine-tuning too, to show what training changed.")
    ] = True,
    as_json: opt.Json = False,
) -> None:
    """Fine-tune, merge, convert, quantize, ask, grade, decide. Finished stages are skipped."""
    with one_line_errors():
        wanted = parse_levels(levels, imatrix=imatrix != "none")
        check_imatrix(imatrix)
        resolved = resolve_config(preset, config, {"base": base})
        asking.check()
        models = out / "models"
        with Stages(err) as stages:
            say(f"{preset} on {resolved.config.base}, {len(wanted)} levels, policy {asking.policy}")
            start = resolved.config.base
            adapter = train_stage(
                stages, start, data, models / "adapter", resolved, backend=backend, resume=True
            )
            stage = stages.open("merging")
            merged = merge(start, models / "adapter", models / "merged")
            stage.finish(f"checkpoint in {models / 'merged'}")
            reference = models / "gguf" / "model-F16.gguf"
            stage = stages.open("converting")
            convert(models / "merged", reference)
            stage.finish(f"{reference} ({reference.stat().st_size / 1e6:.1f} MB)")
            parity_stage(stages, models / "merged", reference, data)
            files = quantize_stage(stages, reference, models / "gguf", wanted, imatrix=imatrix)
            paths = [reference, *(models / "gguf" / file.file for file in files)]
            result = evaluate_into(
                out,
                [str(path) for path in paths],
                asking,
                stages,
                base=str(_base_gguf(stages, start, models / "base")) if ask_base else None,
                lineage=lineage(data, adapter, merged, reference),
            )
        deploy(result, paths, out / "deploy")
        asking.show(result, out, as_json=as_json)
    raise typer.Exit(result.decision.exit_code)
