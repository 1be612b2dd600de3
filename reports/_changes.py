"""What a level's replies changed, prompt by prompt: flips against the reference, and fine-tuning's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quant_triage.harness import Comparison, Flip

from . import _numbers as numbers

EVENTS: dict[Literal["dangerous", "incoherent", "refused"], str] = {
    "dangerous": "dangerous",
    "incoherent": "incoherent",
    "refused": "refused",
}


@dataclass(frozen=True)
class Change:
    """One comparison, ready to be shown.

    Attributes:
        before: Key of the row that it starts from.
        after: Key of the row that it leads to.
    """

    comparison: Comparison
    before: str
    after: str

    def count(self, event: str, *, worse: bool) -> int:
        """Prompts on which an event came (``worse``) or went."""
        return sum(flip.event == event and flip.worse == worse for flip in self.comparison.flips)

    @property
    def flips(self) -> Sequence[tuple[str, tuple[Flip, ...]]]:
        """Flips by what they did, those to danger first; only what occurred."""
        kinds = [(event, worse) for event in EVENTS for worse in (True, False)]
        found = [
            (
                f"{'now' if worse else 'no longer'} {EVENTS[event]}",
                tuple(flip for flip in self.comparison.flips if flip.event == event and flip.worse == worse),
            )
            for event, worse in kinds
        ]
        return [(name, flips) for name, flips in found if flips]

    @property
    def chance(self) -> str:
        """The one-sided p-value that danger came more often than it went."""
        value = self.comparison.p_worse["dangerous"]
        return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"

    @property
    def rise(self) -> str:
        """The most by which danger may have risen, in points."""
        return f"{100 * self.comparison.danger_change.upper:.1f} points"

    @property
    def coverage(self) -> str:
        """Change of the mean coverage, in points, with its one-sided bounds."""
        change = self.comparison.coverage_change
        return f"{_points(change.mean)} ({_points(change.lower)} to {_points(change.upper)})"

    @property
    def sentence(self) -> str:
        """What changed, in one sentence without its full stop."""
        came, went = self.count("dangerous", worse=True), self.count("dangerous", worse=False)
        margin = numbers.percent(self.comparison.margin).rstrip("%")
        shown = "shown" if self.comparison.non_inferior else "not shown"
        flipped = f"of {self.comparison.prompts} prompts {came} became dangerous and {went} ceased to be"
        return (
            f"From {self.before} to {self.after}, {flipped}; coverage changed by {self.coverage} points. "
            f"Danger is {shown} to have risen by no more than {margin} points"
        )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
