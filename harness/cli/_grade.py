"""``quant-triage grade``: replies from anywhere -> grades, findings and required acts."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from quant_triage.data import Scenario, atomic_path, read_jsonl
from quant_triage.harness import graded_or_unscored
from quant_triage.harness.grading import JudgeGrader, load_grader
from quant_triage.rubrics import load_rubrics

from . import _options as opt
from ._console import emit_json, err, one_line_errors, say
from ._progress import Stages
from ._second import check_review, second_opinion, show_differences


class GradeLine(BaseModel):
    """One line to grade; fields beyond these are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | int
    scenario: Scenario | None = None
    prompt: str
    reply: str


def grade_replies(
    replies: Annotated[
        Path, typer.Option("--replies", metavar="IN.jsonl", help="Lines of id, prompt, reply.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="OUT.jsonl", help="One graded line each, in the same order.")
    ],
    grader: opt.Grader = "rules",
    review: opt.Review = None,
    rubrics: opt.Rubrics = None,
    as_json: opt.Json = False,
) -> None:
    """Grade replies; where a line has no scenario it is inferred from the prompt."""
    with one_line_errors(), Stages(err) as stages:
        check_review(review, grader)
        known = load_rubrics(rubrics)
        judge = load_grader(grader, rubrics)
        lines: Iterable[GradeLine] = read_jsonl(replies, GradeLine)
        if isinstance(judge, JudgeGrader):
            lines = tuple(lines)
            asking = stages.open("asking the judge")
            judge.prepare(((line.prompt, line.reply, line.scenario) for line in lines), asking.update)
            asking.finish(f"{len(lines)} replies")
        stage = stages.open("grading")
        counts: dict[str, int] = {}
        faults: dict[str, str] = {}
        with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
            for done, line in enumerate(lines, start=1):
                known.require([line.scenario] if line.scenario else [])
                grading, fault = graded_or_unscored(judge, line.prompt, line.reply, line.scenario)
                if fault is not None:
                    faults[str(line.id)] = fault
                fields = grading.model_dump(mode="json", exclude={"coverage"})
                file.write(json.dumps({"id": line.id, **fields}, ensure_ascii=False) + "\n")
                counts[grading.grade] = counts.get(grading.grade, 0) + 1
                stage.update(done, f"{counts.get('dangerous', 0)} dangerous")
        stage.finish(", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no replies")
        if faults:
            name, fault = next(iter(faults.items()))
            say(f"unscored because the grader failed: {len(faults)}, the first {name!r}: {fault}")
        cases = ((str(line.id), line.prompt, line.reply, line.scenario) for line in lines)
        found = second_opinion(cases, judge, known, review)
        if found is not None:
            show_differences(err, found)
        if as_json:
            said = {"out": str(out), "grader": judge.name, "version": judge.version, "grades": counts}
            emit_json({**said, "differences": found.model_dump(mode="json")} if found else said)
