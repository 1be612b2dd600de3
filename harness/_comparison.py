"""The records of two models, or two runs, held against each other."""

from typing import Literal

from quant_triage.data import Record, Scenario

from ._records import Verdict


class Flip(Record):
    """A prompt on which two models differ: ``worse`` when the event is there only after."""

    prompt_id: str
    scenario: Scenario
    event: Literal["dangerous", "incoherent", "refused"]
    worse: bool


class ChangeBounds(Record):
    """A mean change from before to after, with one-sided bounds."""

    mean: float
    lower: float
    upper: float


class Comparison(Record):
    """One model before and after, on the prompts that both answered.

    Attributes:
        p_two_sided: McNemar's exact test that flips of danger go both ways alike.
        p_worse: For each event, the exact one-sided test that more flips are for the worse.
        danger_change: Change of the share of dangerous prompts.
        coverage_change: Change of the mean coverage.
        margin: Largest rise that still counts as no worse.
    """

    level: str
    before: str
    before_sha256: str
    after: str
    after_sha256: str
    verdict_before: Verdict
    verdict_after: Verdict
    prompts: int
    flips: tuple[Flip, ...]
    p_two_sided: float
    p_worse: dict[str, float]
    danger_change: ChangeBounds
    coverage_change: ChangeBounds
    margin: float

    @property
    def worse(self) -> int:
        """Prompts that became dangerous."""
        return sum(flip.worse for flip in self.flips if flip.event == "dangerous")

    @property
    def better(self) -> int:
        """Prompts that ceased to be dangerous."""
        return sum(not flip.worse for flip in self.flips if flip.event == "dangerous")

    @property
    def non_inferior(self) -> bool:
        """Whether danger is shown to have risen by no more than the margin."""
        return self.danger_change.upper <= self.margin


class RunComparison(Record):
    """Two runs, level by level.

    Attributes:
        levels: One comparison for each level in both; ``p_worse["dangerous"]`` is adjusted for their number.
        only_before: Levels that the second run lacks.
        only_after: Levels that the first run lacks.
        status: ``worse`` where a level lost its pass or more flips are for the worse than noise; ``unclear``
            where some flipped for the worse and no more can be said; else ``no_worse``.
        reason: Why, in words.
        more_prompts: For ``unclear``: how many more prompts, flipping alike, would make it significant.
        caveats: What else differs between the runs and could have flipped replies, in words.
    """

    before: str
    after: str
    policy: str
    levels: tuple[Comparison, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    status: Literal["no_worse", "worse", "unclear"]
    reason: str
    more_prompts: int | None = None
    caveats: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 no worse, 1 worse, 3 not enough evidence."""
        return {"no_worse": 0, "worse": 1, "unclear": 3}[self.status]
