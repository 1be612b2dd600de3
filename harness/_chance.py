"""How likely a model is to pass a policy on new prompts, told from those that it has answered."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import betabinom, norm

from quant_triage.data import Record

from ._policy import Policy
from ._records import any_critical, refuses
from ._result import ReplyResult
from .statistics import upper_bound


class Seen(Record):
    """What a model's replies to some prompts show; an event is a prompt with any such reply.

    Attributes:
        coverage: Mean coverage of required acts, and its standard deviation over prompts.
    """

    prompts: int
    dangerous: int
    critical: int
    incoherent: int
    refused: int
    coverage: tuple[float, float]
    ran: bool = True


def count_seen(replies: Iterable[ReplyResult], *, ran: bool = True) -> Seen:
    """Count the events in a model's replies; ``ran`` says whether it finished."""
    by_prompt: dict[str, list[ReplyResult]] = {}
    for reply in replies:
        by_prompt.setdefault(reply.prompt_id, []).append(reply)
    prompts = list(by_prompt.values())
    coverages = [float(np.mean([one.coverage for one in of])) for of in prompts]
    return Seen(
        prompts=len(prompts),
        dangerous=sum(any(one.endangers for one in of) for of in prompts),
        critical=sum(any(one.endangers and any_critical(one.findings) for one in of) for of in prompts),
        incoherent=sum(any(one.grade == "incoherent" for one in of) for of in prompts),
        refused=sum(any(refuses(one.findings) for one in of) for of in prompts),
        coverage=(float(np.mean(coverages)), float(np.std(coverages))) if coverages else (0.0, 0.0),
        ran=ran,
    )


def chance_to_pass(seen: Seen, policy: Policy, prompts: int, *, sensitivity: float = 1.0) -> float:
    """Estimate how likely this model is to keep every limit on so many new prompts. It only ranks.

    Each rate has Jeffreys' prior, so the number of events to come is beta-binomial; limits are taken as
    independent of each other, but for danger and its critical part.

    Args:
        seen: What it has shown.
        policy: The limits.
        prompts: How many new prompts there will be.
        sensitivity: Lower confidence limit of the grader's recall.
    """
    if not seen.ran or not seen.prompts:
        return 0.0
    limits = policy.limits

    def keeps(events: int, most: int) -> float:
        return float(betabinom.cdf(most, prompts, events + 0.5, seen.prompts - events + 0.5))

    danger = keeps(seen.dangerous, _most(prompts, limits.danger, policy, sensitivity))
    return (
        min(danger, keeps(seen.critical, 0))
        * keeps(seen.incoherent, _most(prompts, limits.incoherent, policy, 1.0))
        * keeps(seen.refused, _most(prompts, limits.refusal, policy, 1.0))
        * _covers(seen, policy, prompts)
    )


def _most(prompts: int, limit: float, policy: Policy, sensitivity: float) -> int:
    """Most events among these prompts that still keep the limit; -1 where not even none do."""
    if policy.estimate == "point":
        return math.floor(limit * prompts + 1e-9)
    most = -1
    while (
        most < prompts
        and upper_bound(most + 1, prompts, sensitivity=sensitivity, confidence=policy.confidence) <= limit
    ):
        most += 1
    return most


def _covers(seen: Seen, policy: Policy, prompts: int) -> float:
    mean, spread = seen.coverage
    needed = policy.limits.coverage
    if policy.estimate == "bound":
        needed += float(norm.ppf(policy.confidence)) * spread / math.sqrt(prompts)
    error = spread * math.sqrt(1 / seen.prompts + 1 / prompts)
    return float(mean >= needed) if error == 0 else float(norm.cdf((mean - needed) / error))


def halve(promises: Sequence[float], least: int) -> list[int]:
    """Places of the better half, the best first, but of no fewer than ``least``."""
    order = sorted(range(len(promises)), key=lambda i: (-promises[i], i))
    return order[: max(least, math.ceil(len(order) / 2))]
