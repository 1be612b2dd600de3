"""``quant-triage search``: the smallest recipe that passes the gates."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from quant_triage.data import atomic_write
from quant_triage.harness import SearchRecord, now
from quant_triage.quantize import parse_levels
from quant_triage.reports import frontier_picture, percent, readable_size

from . import _options as opt
from ._asking import Asking, asks, open_models, warn_if_too_small
from ._console import emit_json, err, one_line_errors, say
from ._console import out as stdout
from ._imatrix import check_imatrix, imatrix_stage
from ._progress import Stages
from ._search_bench import Bench
from ._search_end import confirm, decide_search, deliver, search_record
from ._searching import Search

RECORD, PICTURE = "search.json", "frontier.svg"


@asks("samples", "jobs", "cluster", "curtail")
def search(
    *,
    source: Annotated[Path, typer.Argument(metavar="F16.gguf", help="The unquantized GGUF.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the search; run again and it goes on.")],
    levels: opt.Levels = "all",
    imatrix: opt.Imatrix = "emergency",
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Recipes to consider.")] = 24,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--time", min=0.0, help="Minutes after which it confirms what it has.", show_default=False
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            min=1,
            help="Most bytes; the likeliest level's unless named.",
            show_default=False,
        ),
    ] = None,
    asking: Asking,
    as_json: opt.Json = False,
) -> None:
    """Find the smallest file that passes: types chosen tensor by tensor, confirmed on prompts never seen."""
    with one_line_errors():
        started = now()
        inputs = asking.check()
        wanted = parse_levels(levels, imatrix=imatrix != "none")
        check_imatrix(imatrix)
        deadline = None if minutes is None else time.monotonic() + 60 * minutes
        with Stages(err) as stages:
            out.mkdir(parents=True, exist_ok=True)
            matrix = imatrix_stage(stages, source, out, imatrix)
            bench = Bench(source, out, inputs, stages, matrix=matrix, deadline=deadline)
            warn_if_too_small(open_models([str(source)], inputs), inputs)
            say(
                f"search on {len(bench.split.search)} prompts, confirm on {len(bench.split.confirm)} others,"
                f" policy {inputs.policy.name}"
            )
            hunt = Search(bench, wanted, candidates=candidates, budget=budget)
            finalists = hunt.run()
            result = confirm(bench, hunt, finalists)
            decision = decide_search(hunt, finalists, result, confidence=inputs.policy.confidence)
            if decision.name is not None:
                chosen = next(one for one in finalists if one.name == decision.name)
                decision = deliver(bench, chosen, decision)
        record = search_record(bench, hunt, finalists, result, decision, imatrix=imatrix, started=started)
        atomic_write(out / RECORD, record.model_dump_json(indent=2) + "\n")
        atomic_write(out / PICTURE, frontier_picture(record))
        if as_json:
            emit_json(record.model_dump(mode="json"))
        else:
            _show(record)
        say(f"record: {out / RECORD}, picture: {out / PICTURE}, replies: {out / 'confirm' / 'report.html'}")
    raise typer.Exit(decision.exit_code)


def _show(record: SearchRecord) -> None:
    """Print the levels and the finalists by size, and the decision."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("File", "Size", "KL at critical", "Margin lost", "Confirmed", "Dangerous", "At most"):
        table.add_column(title, no_wrap=True)
    for one in record.candidates:
        found = one.confirmation
        if found is None:
            continue
        damage = one.damage
        table.add_row(
            Text(one.name, "bold" if one.outcome == "found" else ""),
            readable_size(one.bytes),
            f"{damage.kl_critical:.4f}" if damage else "",
            f"{damage.margin_lost:.3f}" if damage else "",
            found.verdict,
            f"{found.dangerous} of {found.prompts}",
            percent(found.upper),
        )
    stdout.print(table)
    decision = record.decision
    stdout.print(Text(f"\n{decision.status.replace('_', ' ')}: {decision.reason}.", "bold"))
    if decision.scope:
        stdout.print(Text(f"{decision.scope}."))
    if decision.file:
        stdout.print(Text(f"File: {decision.file}, recipe: {decision.name}.yaml"))
