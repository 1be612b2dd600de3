"""The application: every verb, in the order of a run."""

from importlib.metadata import version
from typing import Annotated

import typer

from . import (
    _bench,
    _compare,
    _convert,
    _describe,
    _diverge,
    _evaluate,
    _gate,
    _grade,
    _imatrix,
    _lint,
    _merge,
    _quantize,
    _report,
    _run,
    _search,
    _spot,
    _train,
    _validate,
)

app = typer.Typer(
    name="quant-triage",
    help="Decide which quantized language model may answer people in an emergency, and show the evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("quant-triage"))
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Exit codes: 0 selected or pass, 1 none safe or fail, 2 usage or no result, 3 not enough evidence."""


app.command("run")(_run.run)
app.command("train")(_train.train)
app.command("merge")(_merge.merge_adapter)
app.command("convert")(_convert.convert_checkpoint)
app.command("quantize")(_quantize.quantize_levels)
app.command("imatrix")(_imatrix.imatrix)
app.command("diverge")(_diverge.diverge_models)
app.command("search")(_search.search)
app.command("evaluate")(_evaluate.evaluate_models)
app.command("gate")(_gate.gate)
app.command("spot")(_spot.spot)
app.command("grade")(_grade.grade_replies)
app.command("compare")(_compare.compare)
app.command("validate")(_validate.validate_grader)
app.command("report")(_report.report)
app.add_typer(_bench.app, name="bench")
app.command("describe")(_describe.describe_dataset)
app.command("lint")(_lint.lint)


def main() -> None:
    """Entry point of the console script."""
    app()
