"""``quant-triage report``: render a finished run again, in any format, or check who signed it off."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import UsageError, read_jsonl, sha256_file
from quant_triage.harness import SignOff, check_sign_off
from quant_triage.reports import FORMATS, read_result, render

from . import _options as opt
from ._console import emit_json, one_line_errors, say
from ._serve import HOST, open_server


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, with its report.json.")],
    formats: Annotated[str, typer.Option("--format", help=f"Any of {','.join(FORMATS)}.")] = "html",
    sign_off: Annotated[
        Path | None,
        typer.Option(
            "--sign-off", help="Check sign-offs against this run; renders nothing.", show_default=False
        ),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it on loopback, a run in progress as its replies arrive.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="For --serve; 0 takes any.")] = 8640,
    rubrics: opt.Rubrics = None,
    as_json: opt.Json = False,
) -> None:
    """Render report.json again, as HTML, Markdown, a model card, ..."""
    with one_line_errors():
        if serve:
            _serve(folder, rubrics, port, as_json=as_json)
            return
        if sign_off is not None:
            raise typer.Exit(_check(folder, sign_off, as_json=as_json))
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


def _serve(folder: Path, rubrics: Path | None, port: int, *, as_json: bool) -> None:
    """Serve until interrupted."""
    with open_server(folder, rubrics=rubrics, port=port) as server:
        address = f"http://{HOST}:{server.server_address[1]}/"
        say(f"the report of {folder} is at {address} (Ctrl-C ends it)")
        if as_json:
            emit_json({"address": address})
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _check(folder: Path, file: Path, *, as_json: bool) -> int:
    """Hold each sign-off in a file against the run in a folder; 0 when all fit, else 1.

    Raises:
        UsageError: There is none, or a file cannot be read.
    """
    records = list(read_jsonl(file, SignOff))
    if not records:
        raise UsageError(f"{str(file)!r} holds no sign-off: save one from the page's last section")
    path = folder / "report.json"
    result, report_sha256 = read_result(path), sha256_file(path)
    shipped = {gguf.name: sha256_file(gguf) for gguf in sorted((folder / "deploy").glob("*.gguf"))}
    checked = [(record, check_sign_off(record, result, report_sha256, shipped)) for record in records]
    for record, faults in checked:
        verb = "approves" if record.statement == "approve" else "refuses"
        what = record.model.name if record.model else "to ship any level"
        say(f"{record.who} ({record.role}) {verb} {what}, {record.when:%Y-%m-%d %H:%M} UTC")
        for fault in faults or ["fits this report" + (" and the file in deploy/" if shipped else "")]:
            say(f"  {fault}")
    if as_json:
        emit_json(
            {"sign_offs": [{**one.model_dump(mode="json"), "faults": faults} for one, faults in checked]}
        )
    return int(any(faults for _, faults in checked))
