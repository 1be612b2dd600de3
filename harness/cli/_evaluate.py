"""``quant-triage evaluate``: models, folders of them or recorded replies -> verdicts and a decision."""

import re
from pathlib import Path
from typing import Annotated

import typer

from . import _options as opt
from ._asking import Asking, asks, evaluate_into
from ._console import err, one_line_errors
from ._progress import Stages


def _run_name(spec: str) -> str:
    """A folder's name for a model: a file's stem, or an endpoint's address."""
    if "://" not in spec:
        return Path(spec).resolve().stem
    return re.sub(r"[^\w.-]+", "-", spec.partition("://")[2]).strip("-")


@asks()
def evaluate_models(
    *,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="GGUFs, folders, checkpoints, endpoints, recorded .jsonl.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; a new one under runs/ unless named.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            help="What was fine-tuned: asked too, to show what training changed.",
            show_default=False,
        ),
    ] = None,
    asking: Asking,
    as_json: opt.Json = False,
) -> None:
    """Ask every model the same emergency questions, grade the replies and decide."""
    with one_line_errors():
        folder = out or Path("runs") / _run_name(models[0])
        with Stages(err) as stages:
            result = evaluate_into(folder, models, asking, stages, base=base)
        asking.show(result, folder, as_json=as_json)
    raise typer.Exit(result.decision.exit_code)
