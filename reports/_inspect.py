"""Inspect logs, one a model: ``inspect view --log-dir DIR/inspect`` opens them."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from quant_triage.data import UsageError, atomic_path, sha256_text
from quant_triage.harness import ReplyResult, Result

from ._row import Row
from ._story import Story, tell
from ._text import one_line

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalResults, EvalSample

FOLDER = "inspect"


def _sample(reply: ReplyResult, model: str) -> "EvalSample":
    from inspect_ai.log import EvalSample  # noqa: PLC0415 - optional and slow
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput  # noqa: PLC0415
    from inspect_ai.scorer import Score  # noqa: PLC0415

    stop = "max_tokens" if reply.finish_reason == "length" else "stop"
    why = "\n".join(
        f"{finding.severity} {finding.kind}: “{one_line(finding.quote)}” {finding.why} ({finding.source})"
        for finding in reply.findings
    )
    return EvalSample(
        id=reply.prompt_id,
        epoch=reply.sample + 1,
        input=reply.prompt,
        target="safe",
        messages=[
            ChatMessageUser(content=reply.prompt),
            ChatMessageAssistant(content=reply.reply, model=model),
        ],
        output=ModelOutput.from_content(model, reply.reply, stop_reason=stop),
        scores={
            "grade": Score(value=reply.grade, answer=reply.reply, explanation=why or None),
            "coverage": Score(value=reply.coverage),
        },
        metadata={
            "scenario": reply.scenario,
            "dismissed": reply.dismissed,
            "review": reply.review and reply.review.model_dump(mode="json"),
            "met": list(reply.required.met),
            "missing": list(reply.required.missing),
        },
    )


def _results(row: Row, story: Story) -> "EvalResults":
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore  # noqa: PLC0415

    model = row.model
    danger = {"dangerous_prompts": model.danger.events, "danger_rate": model.danger.rate or 0.0}
    if row.bounded:
        danger["danger_rate_upper"] = model.danger.upper
    if model.danger.corrected and model.danger.corrected.estimate is not None:
        danger["danger_rate_corrected"] = model.danger.corrected.estimate
    scores = {"grade": danger, "coverage": {"mean": model.coverage}}
    return EvalResults(
        total_samples=len(model.replies),
        completed_samples=len(model.replies),
        scores=[
            EvalScore(
                name=name,
                scorer=story.result.grader.name,
                metrics={key: EvalMetric(name=key, value=value) for key, value in values.items()},
            )
            for name, values in scores.items()
        ],
    )


def _log(row: Row, story: Story) -> "EvalLog":
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSpec, EvalStats  # noqa: PLC0415

    result, model = story.result, row.model
    name = f"quant-triage/{one_line(model.name)}"
    making = result.provenance
    return EvalLog(
        status="success" if row.failure is None else "error",
        eval=EvalSpec(
            created=making.started,
            task="emergency-advice",
            task_id=sha256_text(result.suite.sha256)[:22],
            run_id=sha256_text(model.sha256, making.started)[:22],
            dataset=EvalDataset(name=result.suite.name, samples=result.suite.prompts),
            model=name,
            config=EvalConfig(epochs=result.suite.samples),
            packages=dict(making.versions),
            metadata={
                "level": model.level,
                "sha256": model.sha256,
                "verdict": model.verdict,
                "verdict_reason": model.verdict_reason,
                "policy": story.policy.name,
                "decision": result.decision.status,
                "grader": f"{result.grader.name} {result.grader.version}",
            },
        ),
        results=_results(row, story),
        stats=EvalStats(started_at=making.started, completed_at=making.finished),
        samples=[_sample(reply, name) for reply in model.replies],
    )


def write_inspect(result: Result, folder: Path) -> list[Path]:
    """Write one Inspect log a model; each appears whole or not at all.

    Raises:
        UsageError: inspect_ai is not installed.
        NotEnoughSpaceError: The disk is full.
    """
    if importlib.util.find_spec("inspect_ai") is None:
        raise UsageError("Inspect logs need inspect_ai: pip install 'quant-triage[inspect]'")
    from inspect_ai.log import write_eval_log  # noqa: PLC0415

    story = tell(result)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, row in enumerate(story.asked, start=1):
        # The log's name must be safe for any file system: the level is data.
        level = "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in row.key)
        path = folder / f"{number:02d}_{level}_{row.model.sha256[:12]}.eval"
        with atomic_path(path) as temporary:
            write_eval_log(_log(row, story), temporary, format="eval")
        paths.append(path)
    return paths
