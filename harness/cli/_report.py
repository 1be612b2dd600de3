"""``quant-triage report``: render a finished run again, in any format."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import UsageError
from quant_triage.reports import FORMATS, read_result, render

from . import _options as opt
from ._console import emit_json, one_line_errors, say


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, with its report.json.")],
    formats: Annotated[str, typer.Option("--format", help=f"Any of {','.join(FORMATS)}.")] = "html",
    as_json: opt.Json = False,
) -> None:
    """Render report.json again, as HTML, Markdown, a model card, ..."""
    with one_line_errors():
        wanted = [name.strip() for name in formats.split(",") if name.strip()]
        unknown = [name for name in wanted if name not in FORMATS]
        if unknown or not wanted:
            raise UsageError(
                f"unknown format {(unknown or [formats])[0]!r}: choose any of {', '.join(FORMATS)}"
            )
        paths = render(read_result(folder / "report.json"), wanted, folder)
        for path in paths:
            say(f"wrote {path}")
        if as_json:
            emit_json({"files": [str(path) for path in paths]})
