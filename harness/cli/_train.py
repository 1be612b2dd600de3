"""``quant-triage train``: a data set and a base -> a LoRA adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, cast

import typer
import yaml

from quant_triage.data import EMERGENCY_DATASET, UsageError
from quant_triage.training import (
    AdapterInfo,
    Backend,
    ResolvedConfig,
    TrainPlan,
    TrainProgress,
    finetune,
    plan_training,
    rank,
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
    logs: Path | None = None,
) -> AdapterInfo:
    """Fine-tune with progress; a finished adapter of the same inputs is kept."""
    stage = stages.open("fine-tuning")

    def show(progress: TrainProgress) -> None:
        stage.update(
            progress.step,
            total=progress.total,
            note=f"loss {progress.loss:.3f}, {progress.tokens_per_second:.0f} tokens/s",
        )

    info = finetune(
        base,
        data,
        out,
        resolved.config,
        backend=cast("Backend", backend),
        resume=resume,
        on_progress=show,
        logs=logs,
    )
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
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any hyperparameter; repeatable.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show steps, memory and an example; train nothing.")
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option("--tensorboard", metavar="DIR", help="Write TensorBoard logs.", show_default=False),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Fine-tune a LoRA adapter on an instruction data set."""
    with one_line_errors(), Stages(err) as stages:
        err.quiet = rank() > 0  # of several processes one speaks
        named = {"base": base, "epochs": epochs, "learning_rate": learning_rate, "seed": seed}
        resolved = resolve_config(preset, config, _settings(settings or []) | _given(named))
        for line in resolved.lines():
            say(line)
        start = resolved.config.base
        if dry_run:
            plan = plan_training(start, data, resolved.config, backend=cast("Backend", backend))
            _show_plan(plan)
            shown: AdapterInfo | TrainPlan = plan
        else:
            try:
                shown = train_stage(
                    stages, start, data, out, resolved, backend=backend, resume=resume, logs=tensorboard
                )
            except KeyboardInterrupt:
                say("a checkpoint was kept: add --resume")
                raise
        if as_json and rank() == 0:
            emit_json(shown.model_dump(mode="json"))


def _settings(given: list[str]) -> dict[str, object]:
    """Read ``--set NAME=VALUE``; values are YAML, as in a configuration file.

    Raises:
        UsageError: One is not of that form.
    """
    values: dict[str, object] = {}
    for setting in given:
        name, equals, value = setting.partition("=")
        try:
            values[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {setting!r}: the value is not YAML") from error
        if not equals or values[name.strip()] is None:
            raise UsageError(f"--set {setting!r}: give NAME=VALUE, such as --set r=32")
    return values


def _given(flags: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in flags.items() if value is not None}


def _show_plan(plan: TrainPlan) -> None:
    memory = plan.memory
    parts = (
        f"weights {memory.weights / 1e6:,.0f}, adapter and optimizer {memory.adapter / 1e6:,.0f}, "
        f"activations {memory.activations / 1e6:,.0f}"
    )
    data = f"{plan.rows:,} rows, {plan.tokens:,} tokens ({plan.reply_tokens:,} of replies)"
    say(f"backend: {plan.backend} ({plan.backend_reason})")
    say(f"data: {data}; the longest row has {plan.longest:,}")
    say(f"steps: {plan.steps:,}, each of {plan.rows_a_step} rows")
    say(f"parameters trained: at most {plan.trainable_parameters:,}")
    say(f"memory: about {memory.total / 1e6:,.0f} MB beside the libraries' own ({parts})")
    say(f"the first row, not counted by the loss:\n{plan.example_prompt}")
    say(f"and counted:\n{plan.example_reply}")
