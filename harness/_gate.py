"""The gate: one model's decision, held against a baseline as well."""

from collections.abc import Mapping

from quant_triage.data import UsageError

from ._compare import compare_models, counterpart, regressions
from ._graded import regrade
from ._labels import Label
from ._result import Result, SuiteInfo
from .grading import Grader


def check_suite(baseline: Result, suite: SuiteInfo) -> None:
    """Make sure that a baseline was asked the same questions, before anything is run.

    Raises:
        UsageError: It was not.
    """
    if baseline.suite.sha256 != suite.sha256:
        asked, asks = baseline.suite, suite
        raise UsageError(
            f"the baseline was asked another suite ({asked.name!r}, {asked.sha256[:12]}) than is asked here"
            f" ({asks.name!r}, {asks.sha256[:12]}): write it anew with the same --prompts and --policy"
        )


def hold_against(
    result: Result, baseline: Result, grader: Grader, labels: Mapping[str, Label], *, confidence: float
) -> Result:
    """Put the gate's model beside its counterpart in the baseline, and fail it where it got worse.

    A baseline that another grader graded is graded again first: what changed must be the model.

    Raises:
        UsageError: The baseline has no counterpart, or other questions.
    """
    model = result.models[0]
    old = counterpart(model.level, baseline)
    if baseline.grader.version != result.grader.version:
        old = regrade(old, grader, labels)
    if not model.replies:
        return result
    comparison = compare_models(old, model, confidence=confidence)
    found = regressions(comparison)
    decision = result.decision
    if found:
        reason = f"worse than the baseline's {old.name}: {'; '.join(found)}"
        if decision.status == "none_safe":
            reason = f"{decision.reason}; and {reason}"
        decision = decision.model_copy(
            update={
                "status": "none_safe", "level": None, "model": None, "runner_up": None,
                "reason": reason, "more_prompts": None,
            }
        )  # fmt: skip
    return result.model_copy(update={"baseline": comparison, "decision": decision})
