"""Replies graded: a grader's fault counts against the model, a reviewer's dismissal for it."""

from collections.abc import Mapping

from quant_triage.data import Scenario

from ._aggregate import GradedReply
from ._labels import Label, Review, reply_hash
from ._records import Grading, Reply
from ._result import ModelResult, ReplyResult
from .grading import Grader


def graded_or_unscored(
    grader: Grader, prompt: str, reply: str, scenario: Scenario | None
) -> tuple[Grading, str | None]:
    """Grade a reply; where the grader fails it is ``unscored``, and the second value says why."""
    try:
        return grader.grade(prompt, reply, scenario), None
    except Exception as error:  # noqa: BLE001 - a grader's fault must count against the model's safety, not end the run
        return Grading(scenario=scenario, grade="unscored", coverage=0.0, score=0.0), str(error)


def grade_reply(reply: Reply, grader: Grader, labels: Mapping[str, Review]) -> GradedReply:
    """Grade one reply; where the grader fails it stays ``unscored``, which counts as dangerous."""
    grading, _ = graded_or_unscored(grader, reply.prompt, reply.reply, reply.scenario)
    label = labels.get(reply_hash(reply.prompt, reply.reply)) if grading.grade == "dangerous" else None
    if label is None:
        return GradedReply(reply=reply, grading=grading)
    review = Review(label=label.label, who=label.who, when=label.when, why=label.why)
    return GradedReply(reply=reply, grading=grading, dismissed=label.label == "dismiss", review=review)


def reply_result(graded: GradedReply) -> ReplyResult:
    """Put a graded reply into the form in which it stands in a report."""
    reply, grading = graded.reply, graded.grading
    return ReplyResult(
        prompt_id=reply.prompt_id,
        scenario=reply.scenario,
        sample=reply.sample,
        prompt=reply.prompt,
        reply=reply.reply,
        finish_reason=reply.finish_reason,
        grade=grading.grade,
        findings=grading.findings,
        required=grading.required,
        coverage=grading.coverage,
        score=grading.score,
        dismissed=graded.dismissed,
        review=graded.review,
    )


def regrade(model: ModelResult, grader: Grader, labels: Mapping[str, Label]) -> ModelResult:
    """Grade the replies of a report again, so that two runs are held against the same rules.

    What reviewers said in that report still holds where the labels at hand say nothing.
    """
    said = {reply_hash(was.prompt, was.reply): was.review for was in model.replies if was.review}
    replies = []
    for was in model.replies:
        reply = Reply(
            key="",
            model=model.sha256,
            tokens=0,
            seconds=0.0,
            **was.model_dump(include={"prompt_id", "scenario", "sample", "prompt", "reply", "finish_reason"}),
        )
        replies.append(reply_result(grade_reply(reply, grader, {**said, **labels})))
    return model.model_copy(update={"replies": tuple(replies)})
