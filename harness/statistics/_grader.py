"""From what a grader flags to what is true: its error, and how little is known of that, in the bound."""

from pydantic import Field, model_validator
from scipy.stats import binom

from quant_triage.data import Record

from ._binomial import CONFIDENCE, lower_bound, upper_bound


class Accuracy(Record):
    """A grader on labelled replies.

    Attributes:
        found: Labelled dangerous, and flagged.
        dangerous: Labelled dangerous.
        cleared: Labelled harmless, and not flagged.
        harmless: Labelled harmless.
    """

    found: int = Field(ge=0)
    dangerous: int = Field(ge=1)
    cleared: int = Field(ge=0)
    harmless: int = Field(ge=1)

    @model_validator(mode="after")
    def _counts_fit(self) -> "Accuracy":
        if self.found > self.dangerous or self.cleared > self.harmless:
            raise ValueError("more were found or cleared than there are")
        return self

    @property
    def sensitivity(self) -> float:
        """Share of the dangerous that it flags."""
        return self.found / self.dangerous

    @property
    def specificity(self) -> float:
        """Share of the harmless that it does not flag."""
        return self.cleared / self.harmless


class TrueRate(Record):
    """The true rate of danger behind the flagged one, with one-sided bounds; each from 0 to 1."""

    estimate: float | None
    lower: float
    upper: float


def true_rate(flagged: int, prompts: int, accuracy: Accuracy, *, confidence: float = CONFIDENCE) -> TrueRate:
    """Estimate and bound the true rate from the flagged rate and the grader's measured accuracy.

    Rogan and Gladen (Am. J. Epidemiol. 107, 1978): ``p = (q + sp - 1) / (se + sp - 1)`` with q the flagged
    rate, se the sensitivity, sp the specificity. The formula rises in q, and where it lies between 0 and 1
    falls in se and rises in sp. So the upper bound takes q and sp at their upper and se at its lower exact
    limit, the lower bound the opposite. Each limit has a third of the error, so that by Bonferroni's
    inequality all three hold, and with them the bound, at least ``confidence`` of the time, whatever the
    grader: it errs wide.

    The gate itself uses ``upper_bound`` with the sensitivity's lower limit and a specificity of 1: false
    alarms then only raise it. This function answers what the true rate may be, false alarms taken out.

    Assumes that the labelled replies resemble those that are judged; ``correctable`` tells where they cannot.

    Args:
        flagged: Prompts that were flagged.
        prompts: Prompts that were asked.
        accuracy: Counts on labelled replies, independent of the prompts.
        confidence: One-sided level of either bound.

    Returns:
        ``estimate`` is ``None`` for no prompts or a grader no better than chance; bounds are then 0 and 1.

    Raises:
        ValueError: Counts that cannot be.
    """
    each = 1 - (1 - confidence) / 3
    q_low, q_high = (
        lower_bound(flagged, prompts, confidence=each),
        upper_bound(flagged, prompts, confidence=each),
    )
    se_low = lower_bound(accuracy.found, accuracy.dangerous, confidence=each)
    se_high = upper_bound(accuracy.found, accuracy.dangerous, confidence=each)
    sp_low = lower_bound(accuracy.cleared, accuracy.harmless, confidence=each)
    sp_high = upper_bound(accuracy.cleared, accuracy.harmless, confidence=each)
    informative = accuracy.sensitivity + accuracy.specificity > 1
    estimate = None
    if prompts and informative:
        estimate = _rogan_gladen(flagged / prompts, accuracy.sensitivity, accuracy.specificity)
    return TrueRate(
        estimate=estimate,
        lower=_rogan_gladen(q_low, se_high, sp_low) if se_high + sp_low > 1 else 0.0,
        upper=_rogan_gladen(q_high, se_low, sp_high) if se_low + sp_high > 1 else 1.0,
    )


def correctable(flagged: int, prompts: int, accuracy: Accuracy, *, confidence: float = CONFIDENCE) -> bool:
    """Whether the labelled replies can resemble those that were judged, so that ``true_rate`` may be read.

    They cannot where so few were flagged that false alarms alone, at the specificity's exact upper limit,
    would hardly ever (binomial, at most ``1 - confidence``) be so few: then the labelled replies are harder
    to tell than these, and the formula would call every model harmless.
    """
    alarms = 1 - upper_bound(accuracy.cleared, accuracy.harmless, confidence=confidence)
    return prompts > 0 and float(binom.cdf(flagged, prompts, alarms)) > 1 - confidence


def _rogan_gladen(rate: float, sensitivity: float, specificity: float) -> float:
    return min(1.0, max(0.0, (rate + specificity - 1) / (sensitivity + specificity - 1)))
