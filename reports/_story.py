"""What every rendering tells in the same words: the decision's sentence and a row of facts for each model."""

from collections import Counter
from dataclasses import dataclass

from pydantic import ValidationError

from quant_triage.data import UsageError
from quant_triage.harness import Comparison, ModelResult, Policy, Result

from . import _numbers as numbers
from ._changes import Change
from ._row import PASSING, Row
from ._text import one_line
from ._words import DECISIONS, Look
from ._wrong import Dismissal, Fault, dismissals, faults

_LONGEST_KEY = 40


@dataclass(frozen=True)
class Story:
    """A result with its policy read and its rows in order of rank.

    Attributes:
        base: What was fine-tuned, where it was asked; not among ``rows``.
    """

    result: Result
    policy: Policy
    rows: tuple[Row, ...]
    base: Row | None = None

    @property
    def look(self) -> Look:
        """The decision's word, symbol and colours."""
        return DECISIONS[self.result.decision.status]

    @property
    def chosen(self) -> Row | None:
        """The row that the decision's sentence speaks of: the selected model, or the closest to it."""
        decision = self.result.decision
        levels = [row for row in self.rows if not row.model.reference]
        if decision.status == "selected":
            return next((row for row in levels if row.role == "selected"), None)
        closest = (row for row in levels if row.model.level == decision.runner_up)
        return next(closest, levels[0] if levels else None)

    @property
    def signed(self) -> Row | None:
        """The row of the one file that a signature can approve."""
        return self.chosen if self.result.decision.status == "selected" else None

    @property
    def confidence(self) -> str:
        """The bounds' one-sided confidence."""
        return numbers.percent(self.policy.confidence)

    @property
    def limit(self) -> str:
        """The policy's limit on danger."""
        return numbers.percent(self.policy.limits.danger)

    @property
    def bounded(self) -> bool:
        """Whether the limits are held against confidence bounds, not plain rates."""
        return self.policy.estimate == "bound"

    def danger(self, row: Row, who: str | None = None) -> str:
        """Say what was seen of a model's danger, with its bound, in a sentence without its full stop."""
        who, count = who or row.key, row.model.danger
        if not row.asked:
            return f"{who} answered no prompt"
        if count.prompts == 1:
            said = f"{who} gave {'a' if count.events else 'no'} dangerous reply to its one prompt"
        else:
            said = f"{who} gave a dangerous reply to {count.events or 'none'} of {count.prompts} prompts"
        if not row.bounded:
            return f"{said}. That is a plain rate: this policy asks for no confidence bound"
        share = f"with {self.confidence} confidence it would to at most {row.bound} of such prompts"
        return f"{said}; {share}, and the policy allows {self.limit}"

    def corrected(self, row: Row) -> str:
        """Say what the true rate may be, the grader's misses and false alarms taken out; empty if not known.

        It stands beside the bound and never in its place: no limit is held against it.
        """
        found = row.model.danger.corrected
        if found is None:
            return ""
        who = f"Corrected rate of {row.key}"
        if found.estimate is None:
            return (
                f"{who}: not known, because fewer replies were flagged here than the grader's false alarms "
                "alone would be on the labelled replies, so those are harder than these"
            )
        return (
            f"{who}: with the grader's misses and false alarms taken out (Rogan and Gladen, both uncertain), "
            f"an estimated {row.corrected} of such prompts get a dangerous reply; "
            "no limit is held against this, only against the bound"
        )

    @property
    def _level(self) -> str:
        return self.chosen.key if self.chosen else str(self.result.decision.level)

    @property
    def headline(self) -> str:
        """The decision in a few words."""
        decision = self.result.decision
        if decision.status == "selected" and not self.bounded:
            return f"{self._level} is selected by plain rates, which prove nothing."
        if decision.status == "selected":
            return f"{self._level} may be deployed."
        if decision.status == "none_safe":
            return "No level may be deployed."
        return "No level may be deployed yet: the evidence is too thin."

    @property
    def bound_sentence(self) -> str:
        """The decision's bound in plain words."""
        row, decision = self.chosen, self.result.decision
        if row is None:
            return "No quantized level was evaluated."
        who = {"none_safe": f"The best, {row.key},", "not_enough_evidence": f"The closest, {row.key},"}
        said = self.danger(row, who.get(decision.status))
        if decision.more_prompts:
            prompts = "prompt" if decision.more_prompts == 1 else "prompts"
            said += f". At least {decision.more_prompts} more clean {prompts} would settle it"
        if decision.scope:
            said += f". {decision.scope}"
        return said + "."

    @property
    def asked(self) -> list[Row]:
        """All whose replies can be read: the rows, then the base."""
        return [*self.rows, *([self.base] if self.base else [])]

    def _change(self, comparison: Comparison) -> Change:
        keys = {row.model.sha256: row.key for row in self.asked}
        before, after = comparison.before_sha256, comparison.after_sha256
        return Change(
            comparison,
            keys.get(before, one_line(comparison.before, _LONGEST_KEY)),
            keys.get(after, one_line(comparison.level, _LONGEST_KEY)),
        )

    @property
    def quantization(self) -> list[Change]:
        """What each level changed against the reference, in order of rank."""
        return [self._change(comparison) for comparison in self.result.quantization]

    @property
    def diverged(self) -> list[Row]:
        """The levels whose divergence is known at numbers and negations, in order of rank."""
        return [row for row in self.rows if row.model.divergence and row.model.divergence.kinds]

    @property
    def fine_tuning(self) -> Change | None:
        """What fine-tuning changed, or ``None`` where the base was not asked."""
        found = self.result.fine_tuning
        return None if found is None else self._change(found)

    @property
    def troubled(self) -> list[Row]:
        """Models that may not ship, in order of rank."""
        return [row for row in self.rows if row.model.verdict not in PASSING]

    @property
    def faults(self) -> list[Fault]:
        """Every fault once, the worst first, over all models that were ranked."""
        return faults(self.rows)

    @property
    def dismissals(self) -> list[Dismissal]:
        """Every flag that a reviewer dismissed, once."""
        return dismissals(self.asked)

    @property
    def curtailed(self) -> bool:
        """Whether any model was stopped before its last prompt."""
        return any(row.model.stopped_at is not None for row in self.rows)

    @property
    def failures(self) -> list[Row]:
        """Models that did not finish."""
        return [row for row in self.rows if row.failure]


def _role(model: ModelResult, result: Result, runner_up_taken: bool) -> str:
    decision = result.decision
    if model.reference:
        return "reference"
    if decision.status != "selected":
        return ""
    if model.name == decision.model and model.level == decision.level:
        return "selected"
    return "runner-up" if model.level == decision.runner_up and not runner_up_taken else ""


def tell(result: Result) -> Story:
    """Read a result into the facts that all renderings share.

    Raises:
        UsageError: The policy written in the result is not one that this program knows.
    """
    try:
        policy = Policy.model_validate(result.provenance.policy)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise UsageError(
            f"the report's policy cannot be read: field {field!r}: {error.errors()[0]['msg']}"
        ) from error
    levels = Counter(one_line(model.label, _LONGEST_KEY) for model in result.models)
    rows: list[Row] = []
    for model in sorted(result.models, key=lambda m: m.rank):
        key = one_line(model.label, _LONGEST_KEY)
        key = key if levels[key] == 1 else f"{key} {model.sha256[:8]}"
        taken = any(row.role == "runner-up" for row in rows)
        role = _role(model, result, taken)
        rows.append(Row(model, key, role, policy.estimate == "bound", result.suite.prompts))
    base = None
    if result.base is not None:
        base = Row(result.base, "base", "", policy.estimate == "bound", result.suite.prompts)
    return Story(result, policy, tuple(rows), base)
