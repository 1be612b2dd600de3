"""``quant-triage compare``: what flipped between two runs, and whether it is more than noise."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import UsageError, atomic_write
from quant_triage.harness import compare_runs
from quant_triage.reports import render_comparison

from . import _options as opt
from ._console import emit_json, one_line_errors, say
from ._gating import read_baseline

_RUN = "Folder of a run, or its report.json."


def compare(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help=_RUN, show_default=False)],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help=_RUN, show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.md", help="Write the Markdown here too.", show_default=False),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Compare two runs as Markdown: exit 0 no worse, 1 worse, 2 bad input, 3 flips that may be noise."""
    with one_line_errors():
        results = read_baseline(before), read_baseline(after)
        names = (str(before), str(after))
        if not all(result.models for result in results):
            raise UsageError(f"{names[0 if not results[0].models else 1]!r} holds no model")
        found = compare_runs(*results, names=names)
        text = render_comparison(found, *results)
        if out is not None:
            atomic_write(out, text)
            say(f"wrote {out}")
        if as_json:
            emit_json(found.model_dump(mode="json"))
        else:
            typer.echo(text, nl=False)
    raise typer.Exit(found.exit_code)
