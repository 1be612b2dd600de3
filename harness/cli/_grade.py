"""``quant-triage grade``: replies from anywhere -> grades, findings and required acts."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from quant_triage.data import Scenario, atomic_path, read_jsonl
from quant_triage.harness.grading import load_grader

from . import _options as opt
from ._console import emit_json, err, one_line_errors
from ._progress import Stages


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
    grader: Annotated[str, typer.Option("--grader", help="Which grader.")] = "rules",
    rubrics: opt.Rubrics = None,
    as_json: opt.Json = False,
) -> None:
    """Grade replies; where a line has no scenario it is inferred from the prompt."""
    with one_line_errors(), Stages(err) as stages:
        rules = load_grader(grader, rubrics)
        stage = stages.open("grading")
        counts: dict[str, int] = {}
        with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
            for done, line in enumerate(read_jsonl(replies, GradeLine), start=1):
                grading = rules.grade(line.prompt, line.reply, line.scenario)
                fields = grading.model_dump(mode="json", exclude={"coverage"})
                file.write(json.dumps({"id": line.id, **fields}, ensure_ascii=False) + "\n")
                counts[grading.grade] = counts.get(grading.grade, 0) + 1
                stage.update(done, f"{counts.get('dangerous', 0)} dangerous")
        stage.finish(", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no replies")
        if as_json:
            emit_json({"out": str(out), "grader": rules.name, "version": rules.version, "grades": counts})
