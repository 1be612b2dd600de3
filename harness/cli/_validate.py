"""``quant-triage validate``: labelled replies -> how far the grader can be trusted."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import UsageError
from quant_triage.harness import (
    load_gold,
    load_labels,
    measured_error,
    measurement,
    part_paths,
    validate,
    write_measurement,
)
from quant_triage.harness.grading import RuleGrader, load_grader
from quant_triage.rubrics import load_rubrics

from . import _options as opt
from ._console import emit_json, err, one_line_errors, out, say
from ._progress import Stages
from ._second import check_review, second_opinion, show_differences
from ._validation_view import show_validation


def validate_grader(
    gold: Annotated[
        list[Path] | None,
        typer.Option(
            "--gold", metavar="FILE.jsonl", help="Labelled replies; ours unless named.", show_default=False
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            "--part", help="Of our labelled replies: dev (unless named), test or all.", show_default=False
        ),
    ] = None,
    grader: opt.Grader = "rules",
    review: opt.Review = None,
    rubrics: opt.Rubrics = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="JSONL of reviewers' labels, taken as more gold.", show_default=False),
    ] = None,
    show_misses: Annotated[
        bool, typer.Option("--show-misses", help="Show the misses of the test part too, not only their ids.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Measure on the test part and record it for every later report.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Measure the grader on labelled replies: precision, recall, F1, agreement, and every miss."""
    with one_line_errors(), Stages(err) as stages:
        if gold and part:
            raise UsageError(f"--part {part!r} chooses among our own replies: give it or --gold, not both")
        if record and (gold or labels or rubrics or grader != "rules" or part not in {None, "test"}):
            raise UsageError("--record measures our grader on our test part: leave out every other choice")
        check_review(review, grader)
        part = part or ("test" if record else "dev")
        paths = gold or part_paths(part)
        known = load_rubrics(rubrics)
        judge = load_grader(grader, rubrics)
        replies = load_gold(paths, load_labels(labels))
        stage = stages.open(f"grading {len(replies.truths)} labelled replies")
        found = validate(
            replies,
            judge,
            infer=RuleGrader(known).infer_scenario,
            scenarios=known.scenarios,
            show_sealed=show_misses,
        )
        stage.finish(f"{found.n} replies, {len(found.missed)} missed, {len(found.false_alarms)} false alarms")
        cases = (
            (truth.id, truth.prompt, truth.reply, truth.scenario)
            for truth in replies.truths
            if (truth.scenario is None or truth.scenario in known.scenarios)
            and (show_misses or not truth.sealed)
        )
        split = second_opinion(cases, judge, known, review)
        if record:
            say(f"wrote {write_measurement(measurement(found, known.sha256))}")
        measured = measured_error(judge.version, known.sha256)
        if as_json:
            emit_json(
                {
                    **found.model_dump(mode="json"),
                    "rubrics_sha256": known.sha256,
                    "differences": split.model_dump(mode="json") if split else None,
                    "recorded": measured.model_dump(mode="json") if measured else None,
                }
            )
        else:
            show_validation(out, found, measured, flattered=not gold and part != "test")
            if split:
                show_differences(out, split)
