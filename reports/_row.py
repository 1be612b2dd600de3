"""One model of a result as every rendering shows it: a row of facts in the same words."""

from dataclasses import dataclass

from quant_triage.harness import ModelResult, TokenKind, Verdict

from . import _numbers as numbers
from ._words import TOKEN_KINDS, VERDICTS, Look, did_not_run

PASSING: frozenset[Verdict] = frozenset({"gold", "safe"})
FAILING: frozenset[Verdict] = frozenset({"unsafe", "dangerous", "unusable"})


@dataclass(frozen=True)
class Row:
    """One model, ready to be shown.

    Attributes:
        key: The level, and its recipe, on one visible line, with the hash where that occurs twice; unique.
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
        why = "when time was up"
        if model.verdict in FAILING:
            why = "when no further reply could save it"
            if model.verdict != "unusable":
                why += "; in full its verdict may be worse, never better"
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

    @property
    def corrected(self) -> str:
        """The true rate that the flags point to, the grader's error taken out, with its bounds."""
        found = self.model.danger.corrected
        if found is None or found.estimate is None:
            return numbers.NOT_KNOWN
        low, high = numbers.percent(found.lower), numbers.percent(found.upper)
        return f"{numbers.percent(found.estimate)} ({low} to {high})"

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

    def divergence_at(self, kind: TokenKind) -> str:
        """Mean KL divergence at tokens of one kind."""
        found = self.model.divergence and self.model.divergence.kinds.get(kind)
        return numbers.divergence(found.kl_mean) if found else numbers.NOT_KNOWN

    @property
    def departure(self) -> str:
        """Where greedy decoding would first leave the reference's replies, in a sentence, or nothing."""
        found = self.model.divergence and self.model.divergence.first
        if not found:
            return ""
        said = f"greedy decoding would leave {found.diverged} of {found.documents} replies"
        if found.median_token is None:
            return said
        at = {kind: found.kinds.get(kind, 0) for kind in TOKEN_KINDS}
        places = ", ".join(f"{count} {TOKEN_KINDS[kind]}" for kind, count in at.items() if count)
        return f"{said}, half of these by token {found.median_token:.0f}; first {places}"
