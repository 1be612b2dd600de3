"""``quant-triage gate``: may this one model pass? The exit code is the answer."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import UsageError
from quant_triage.harness import Result, regressions
from quant_triage.reports import faults_text, terminal_report, write_result

from . import _options as opt
from ._asking import REPORT, Asking, asks
from ._console import emit_json, err, one_line_errors, out, say
from ._gating import Gating, one_model_json
from ._progress import Stages


@asks(curtail=True)
def gate(
    *,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A GGUF, or a recorded .jsonl.", show_default=False)
    ],
    baseline: opt.Baseline = None,
    update: Annotated[
        bool,
        typer.Option("--update-baseline", help="Where the policy lets it pass, make this the new baseline."),
    ] = False,
    level: opt.Level = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of reports and journal; under runs/ unless named.", show_default=False
        ),
    ] = None,
    asking: Asking,
    as_json: opt.Json = False,
) -> None:
    """Judge one model: exit 0 pass, 1 fail or worse than the baseline, 2 bad input, 3 not enough evidence."""
    with one_line_errors():
        if update and baseline is None:
            raise UsageError("--update-baseline needs --baseline: the file to write")
        folder = out_dir or Path("runs") / f"gate-{Path(model).stem}"
        held = baseline if not update or (baseline and baseline.exists()) else None
        with Stages(err) as stages:
            gating = Gating(model, asking, level=level, baseline=held, strict=not update)
            result = gating.judge(folder, stages, accept=update)
        if update and baseline is not None:
            _update(result, baseline)
        if as_json:
            emit_json(one_model_json(result))
        else:
            if text := faults_text(result.models[0]):
                out.print(text, markup=False)
            out.print(terminal_report(result))
        say(f"report: {folder / 'report.html'}")
    raise typer.Exit(result.decision.exit_code)


def _update(result: Result, baseline: Path) -> None:
    """Write the new baseline if the policy lets the model pass; say what it accepts."""
    if result.decision.status != "selected":
        say(f"{baseline} stays as it was: the policy does not let this model pass")
        return
    if result.baseline is not None and (worse := regressions(result.baseline)):
        say(f"accepted as the new baseline though worse than the old: {'; '.join(worse)}")
    target = baseline / REPORT if baseline.is_dir() else baseline
    write_result(target, result)
    say(f"wrote {target}")
