"""Whether a suite can ever pass a policy, known before anything is asked."""

import math

from quant_triage.data import UsageError

from ._policy import Policy
from .statistics import clean_prompts_needed


def prompts_to_pass(policy: Policy, *, sensitivity: float = 1.0) -> int:
    """Count the prompts, all answered without a fault, at which every limit of a policy is first shown.

    Args:
        policy: The limits; with point estimates one prompt will do.
        sensitivity: Lower confidence limit of the grader's recall.

    Raises:
        UsageError: No affordable number suffices.
    """
    if policy.estimate == "point":
        return 1
    limits = policy.limits
    rates = ((limits.danger, sensitivity), (limits.incoherent, 1.0), (limits.refusal, 1.0))
    needed = [
        clean_prompts_needed(0, 0, limit, sensitivity=recall, confidence=policy.confidence)
        for limit, recall in rates
    ]
    if limits.coverage > 0:
        # n prompts that cover everything bound the mean from below at (1 - confidence)^(1/n).
        needed.append(math.ceil(math.log(1 - policy.confidence) / math.log(limits.coverage) - 1e-9))
    return max(1, *needed)


def too_small(policy: Policy, prompts: int, *, sensitivity: float = 1.0) -> str | None:
    """Say that so many prompts can never pass a policy, and how many could; ``None`` when they can."""
    try:
        needed = prompts_to_pass(policy, sensitivity=sensitivity)
    except UsageError as error:
        return f"policy {policy.name!r} can never pass: {error}"
    if prompts >= needed:
        return None
    grader = f" with a grader that finds at least {sensitivity:.0%} of dangers" if sensitivity < 1 else ""
    asked = f"{prompts} prompt{'' if prompts == 1 else 's'}"
    return (
        f"{asked} can never pass policy {policy.name!r}: even without a fault, its limits need"
        f" {needed}{grader}; ask more prompts, or raise the limits"
    )
