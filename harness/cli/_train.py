"""``quant-triage train``: a data set and a base -> a LoRA adapter."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from quant_triage.data import EMERGENCY_DATASET
from quant_triage.training import (
    AdapterInfo,
    ResolvedConfig,
    TrainProgress,
    finetune,
    resolve_config,
)

from . import _options as opt
from ._console import emit_json, err, one_line_errors, say
from ._progress import Stages


def train_stage(
    stages: Stages,
    base: str | Path,
    data: Path,
    out: Path,
    resolved: ResolvedConfig,
    *,
    backend: str,
    resume: bool,
) -> AdapterInfo:
    """Fine-tune with progress; a finished adapter of the same inputs is kept."""
    stage = stages.open("fine-tuning")

    def show(progress: TrainProgress) -> None:
        stage.update(
            progress.step,
            total=progress.total,
            note=f"loss {progress.loss:.3f}, {progress.tokens_per_second:.0f} tokens/s",
        )

    chosen = cast("Literal['auto', 'unsloth', 'peft']", backend)
    info = finetune(base, data, out, resolved.config, backend=chosen, resume=resume, on_progress=show)
    stage.finish(
        f"adapter in {out} ({info.backend}, {info.device}, {info.rows} rows, last loss {info.losses[-1]:.3f})"
    )
    return info


def train(
    out: Annotated[Path, typer.Option("--out", help="Folder of the adapter.")],
    base: opt.Base = None,
    data: opt.Data = EMERGENCY_DATASET,
    backend: opt.Backend = "auto",
    preset: opt.Preset = "bundled",
    config: opt.Config = None,
    epochs: Annotated[float | None, typer.Option("--epochs", show_default=False)] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option("--seed", show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    as_json: opt.Json = False,
) -> None:
    """Fine-tune a LoRA adapter on an instruction data set."""
    with one_line_errors(), Stages(err) as stages:
        flags = {"base": base, "epochs": epochs, "learning_rate": learning_rate, "seed": seed}
        resolved = resolve_config(preset, config, flags)
        for line in resolved.lines():
            say(line)
        info = train_stage(stages, resolved.config.base, data, out, resolved, backend=backend, resume=resume)
        if as_json:
            emit_json(info.model_dump(mode="json"))
