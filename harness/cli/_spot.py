"""``quant-triage spot``: a look at one model, by one question, answered as you watch, or for a minute."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from quant_triage.data import SCENARIOS, UsageError
from quant_triage.harness import ReplyResult, Result
from quant_triage.reports import beside_rows, replies_text, reply_text, terminal_report, visible

from . import _options as opt
from ._asking import Asking, asks
from ._console import emit_json, err, one_line_errors, out
from ._gating import Gating, one_model_json
from ._progress import Stages

MINUTE = 60.0


@asks(slots=4, curtail=True)  # a large model must finish some replies within the minute
def spot(
    *,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A GGUF, a checkpoint or adapter folder, an endpoint, or a recorded .jsonl.",
            show_default=False,
        ),
    ],
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="One question of your own.", show_default=False)
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", help="What that question is about; else inferred.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=0.1,
            help=f"How long to ask; {MINUTE:.0f} unless named, and a question of your own to its end.",
            show_default=False,
        ),
    ] = None,
    baseline: opt.Baseline = None,
    level: opt.Level = None,
    asking: Asking,
    as_json: opt.Json = False,
) -> None:
    """Ask one question, or as many as fit in a minute. Never a pass below the policy's number of prompts."""
    with one_line_errors():
        if scenario is not None and (prompt is None or scenario not in SCENARIOS):
            known = (
                "it says what --prompt is about"
                if prompt is None
                else f"choose one of {', '.join(SCENARIOS)}"
            )
            raise UsageError(f"--scenario {scenario!r}: {known}")
        if prompt is not None and not prompt.strip():
            raise UsageError(f"--prompt {prompt!r} asks nothing")
        gating = Gating(model, asking, level=level, baseline=baseline, strict=False)
        asked = None if prompt is None else gating.prompt(prompt, scenario, name="spot")
        old = gating.graded_baseline()
        limit = MINUTE if seconds is None and asked is None else seconds
        aloud = None if asked is None or as_json else _Aloud()
        with (
            tempfile.TemporaryDirectory(prefix="quant-triage-spot-") as folder,
            Stages(err, bars=aloud is None) as stages,  # a bar would be drawn over what is told
        ):
            result = gating.spot(Path(folder), stages, seconds=limit, prompt=asked, tell=aloud)
        if as_json:
            rows = [] if old is None else [row._asdict() for row in beside_rows(result, old)]
            emit_json({**one_model_json(result), "beside": rows})
        else:
            _show(result, old, whole=prompt is not None, told=aloud.end() if aloud else "")
    raise typer.Exit(result.decision.exit_code)


class _Aloud:
    """Prints a reply on stdout as it comes."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def __call__(self, piece: str) -> None:
        self._told.append(piece)
        typer.echo(visible(piece), nl=False)
        sys.stdout.flush()

    def end(self) -> str:
        """Close the last line; returns all that was told."""
        if self._told:
            typer.echo("\n")
        return "".join(self._told)


def _show(result: Result, old: Result | None, *, whole: bool, told: str) -> None:
    """Print the replies (one question) or those to look at, the baseline's beside them, and the decision.

    A reply that was told as it came is not repeated.
    """
    replies = result.models[0].replies
    shown = replies if whole else _striking(replies)
    if shown:
        lone = shown[0] if len(shown) == 1 else None
        text = reply_text(lone, told=bool(told) and lone.reply == told) if lone else replies_text(shown)
        out.print(text, markup=False)
    if old is not None:
        out.print(_beside(result, old))
    asked = len({reply.prompt_id for reply in replies})
    out.print(f"\nn = {asked} prompt{'' if asked == 1 else 's'}", style="bold")
    out.print(terminal_report(result))


def _striking(replies: Sequence[ReplyResult]) -> list[ReplyResult]:
    return [reply for reply in replies if reply.endangers or reply.grade == "incoherent"]


def _beside(result: Result, old: Result) -> Table | Text:
    """What both answered and graded otherwise; of a single question both replies, whatever their grades."""
    rows = beside_rows(result, old)
    if not rows:
        return Text("The baseline was asked none of these prompts.")
    table = Table("prompt", "baseline", "now", title="Beside the baseline", title_justify="left")
    single = len(rows) == 1
    for row in rows:
        if single:
            before, after = f"{row.before}\n{row.reply_before}", f"{row.after}\n{row.reply_after}"
            table.add_row(Text(row.prompt_id), Text(before), Text(after))
        elif row.before != row.after:
            table.add_row(Text(row.prompt_id), row.before, row.after)
    same = sum(row.before == row.after for row in rows)
    table.caption = f"{same} of {len(rows)} shared prompts have the same grade"
    return table
