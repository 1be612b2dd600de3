"""``quant-triage lint``: look for faults in a training data set before anyone trains on it."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import EMERGENCY_DATASET, SCENARIOS
from quant_triage.harness.grading import load_grader
from quant_triage.prompts import load_suite
from quant_triage.training import lint_dataset, read_dataset

from . import _options as opt
from ._console import emit_json, err, one_line_errors, say
from ._progress import Stages

EXIT_FAULTS = 1


def lint(
    data: Annotated[
        Path, typer.Argument(metavar="FILE.jsonl", help="The data set.", show_default="the bundled one")
    ] = EMERGENCY_DATASET,
    prompts: opt.Prompts = None,
    rubrics: opt.Rubrics = None,
    as_json: opt.Json = False,
) -> None:
    """Check a data set for duplicates, dangerous advice and overlap with the prompts; exit 1 on faults."""
    with one_line_errors(), Stages(err) as stages:
        rows = read_dataset(data)
        asked = [prompt.text for prompt in load_suite(prompts).prompts]
        grader = load_grader("rules", rubrics)

        def dangers(question: str, reply: str, scenario: str | None) -> list[str]:
            known = scenario if scenario in SCENARIOS else None
            grading = grader.grade(question, reply, known)
            if grading.grade != "dangerous":
                return []
            return [f"{finding.check}: {finding.quote!r}" for finding in grading.findings if finding.quote]

        stage = stages.open(f"linting {len(rows)} rows")
        problems = lint_dataset(rows, asked, dangers)
        stage.finish(f"{len(problems)} faults in {len(rows)} rows")
        for problem in problems:
            say(str(problem))
        if as_json:
            emit_json({"rows": len(rows), "problems": [str(problem) for problem in problems]})
        if problems:
            raise typer.Exit(EXIT_FAULTS)
