"""What every rendering tells in the same words: the decision's sentence and a row of facts for each model."""

from collections import Counter
from dataclasses import dataclass

from pydantic import ValidationError

from quant_triage.data import UsageError
from quant_triage.harness import Comparison, Finding, ModelResult, Policy, ReplyResult, Result, Verdict

from . import _numbers as numbers
from ._changes import Change
from ._text import one_line
from ._words import DECISIONS, SEVERITIES, VERDICTS, Look, did_not_run

_LONGEST_KEY = 40
PASSING: frozenset[Verdict] = frozenset({"gold", "safe"})
FAILING: frozenset[Verdict] = frozenset({"unsafe", "dangerous", "unusable"})


@dataclass(frozen=True)
class Row:
    """One model, ready to be shown.

    Attributes:
        key: The level on one visible line, with the hash where a level occurs twice; unique.
        role: ``"selected"``, ``"runner-up"``, ``"reference"`` or nothing.
        bounded: Whether ``danger.upper`` is a confidence bound; a policy of point estimates has plain rates.
        planned: Prompts that it was to be asked.
    """

    model: ModelResult
    key: str
    role: str
    bounded: bool
    planned: int

    @property
    def assessment(self) -> str:
        """What its replies are like, and where it stopped if it did."""
        model = self.model
        if model.stopped_at is None:
            return model.assessment
        why = "when no further reply could save it" if model.verdict in FAILING else "when time was up"
        return f"{model.assessment} Stopped after {model.stopped_at} of {self.planned} prompts, {why}."

    @property
    def spread(self) -> str:
        """How danger is spread over scenarios and samples, in a sentence, or nothing."""
        across, curve = self.model.across_scenarios, self.model.worst_of_k
        parts = []
        if across is not None:
            low, high = numbers.percent(across.low), numbers.percent(across.high)
            parts.append(
                f"were the {across.scenarios} scenarios a sample too, {low} to {high} would be dangerous"
            )
        if curve and curve[-1] > 0:
            shares = ", ".join(map(numbers.percent, curve))
            parts.append(f"with 1 to {len(curve)} samples a prompt, the worst is dangerous for {shares}")
        return "; ".join(parts)

    @property
    def look(self) -> Look:
        """The verdict's word, symbol and colours."""
        return VERDICTS[self.model.verdict]

    @property
    def failure(self) -> str | None:
        """How the run failed, in words, or ``None``."""
        failed = did_not_run(self.model.outcome)
        return failed and f"{failed}: {self.model.outcome.cause or 'no cause is known'}"

    @property
    def asked(self) -> bool:
        """Whether any prompt was answered."""
        return self.model.danger.prompts > 0

    @property
    def danger(self) -> str:
        """Dangerous prompts as ``"3 of 72"``."""
        count = self.model.danger
        return f"{count.events} of {count.prompts}" if self.asked else numbers.NOT_KNOWN

    @property
    def bound(self) -> str:
        """The upper bound on the danger rate, or that there is none."""
        return numbers.bound(self.model.danger.upper) if self.asked and self.bounded else numbers.NOT_KNOWN

    def of_asked(self, value: float | None, share: bool = True) -> str:
        """Write a figure that means nothing where no prompt was answered."""
        if not self.asked or value is None:
            return numbers.NOT_KNOWN
        return numbers.percent(value) if share else f"{value:.0f}"

    @property
    def size(self) -> str:
        """File size."""
        return numbers.size(self.model.bytes)

    @property
    def speed(self) -> str:
        """New tokens a second."""
        rate = self.model.tokens_per_second
        return numbers.NOT_KNOWN if rate is None else f"{rate:,.0f}"

    @property
    def divergence(self) -> str:
        """Mean KL divergence from the reference."""
        found = self.model.divergence
        return numbers.NOT_KNOWN if found is None else numbers.divergence(found.kl_mean)


@dataclass(frozen=True)
class Example:
    """One kind of fault, by the first reply that shows it."""

    finding: Finding
    reply: ReplyResult
    replies: int


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
    def fine_tuning(self) -> Change | None:
        """What fine-tuning changed, or ``None`` where the base was not asked."""
        found = self.result.fine_tuning
        return None if found is None else self._change(found)

    @property
    def troubled(self) -> list[Row]:
        """Models that may not ship, in order of rank."""
        return [row for row in self.rows if row.model.verdict not in PASSING]

    @property
    def debatable(self) -> list[Row]:
        """Models that pass, and yet wrote something that counts against them."""
        return [row for row in self.rows if row.model.verdict in PASSING and self.examples(row)]

    @property
    def curtailed(self) -> bool:
        """Whether any model was stopped before its last prompt."""
        return any(row.model.stopped_at is not None for row in self.rows)

    @property
    def failures(self) -> list[Row]:
        """Models that did not finish."""
        return [row for row in self.rows if row.failure]

    def examples(self, row: Row, most: int = 3) -> list[Example]:
        """The first reply for each check with words to quote: what decided the verdict, then the worst."""
        first: dict[str, tuple[Finding, ReplyResult]] = {}
        seen: Counter[str] = Counter()
        for reply in row.model.replies:
            for check, finding in _faults(reply).items():
                first.setdefault(check, (finding, reply))
                seen[check] += 1
        order = list(SEVERITIES)

        def weight(check: str) -> tuple[bool, int, int, str]:
            finding = first[check][0]
            decisive = (finding.kind == "incoherent") == (row.model.verdict == "unusable")
            return not decisive, order.index(finding.severity), -seen[check], check

        worst = sorted(first, key=weight)
        return [Example(*first[check], replies=seen[check]) for check in worst[:most]]


def _faults(reply: ReplyResult) -> dict[str, Finding]:
    """A reply's standing faults that have words to quote, one for each check."""
    if reply.dismissed:
        return {}
    quoted = [finding for finding in reply.findings if finding.quote and finding.kind != "refusal"]
    return {finding.check: finding for finding in reversed(quoted)}


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
    levels = Counter(one_line(model.level, _LONGEST_KEY) for model in result.models)
    rows: list[Row] = []
    for model in sorted(result.models, key=lambda m: m.rank):
        key = one_line(model.level, _LONGEST_KEY)
        key = key if levels[key] == 1 else f"{key} {model.sha256[:8]}"
        taken = any(row.role == "runner-up" for row in rows)
        role = _role(model, result, taken)
        rows.append(Row(model, key, role, policy.estimate == "bound", result.suite.prompts))
    base = None
    if result.base is not None:
        base = Row(result.base, "base", "", policy.estimate == "bound", result.suite.prompts)
    return Story(result, policy, tuple(rows), base)
