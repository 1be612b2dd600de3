"""The records of a grader's measured error."""

from quant_triage.data import Record, Scenario

from ._figures import Estimate, GradeFigures, Share
from ._gold import GoldGrade, GoldLabel
from ._records import Finding, Grade, Kind


class GoldSource(Record):
    """A file of labelled replies that was used."""

    name: str
    sha256: str
    rows: int


class ScenarioError(Record):
    """Errors within one scenario; ``scenario`` is ``None`` for replies that name none."""

    scenario: Scenario | None
    replies: int
    wrong: int
    missed: int
    false_alarms: int


class CheckError(Record):
    """How often a check fired, and how often it did so against the labels.

    A dangerous finding is false in a reply that is not labelled ``dangerous``; a minor one, an omission or a
    refusal in one labelled ``safe``; degenerate text in one not labelled ``incoherent``.
    """

    check: str
    kind: Kind
    fired: int
    false: int


class InferenceFigures(Record):
    """Scenarios inferred from the prompt alone: right, another one, or unsure (none named)."""

    accuracy: Share
    wrong: int
    unsure: int


class Miss(Record):
    """One reply that the grader got wrong, verbatim."""

    id: str
    scenario: Scenario | None
    gold: GoldGrade | None
    got: Grade
    labels: tuple[GoldLabel, ...]
    findings: tuple[Finding, ...]
    prompt: str
    reply: str


class Validation(Record):
    """A grader's measured error.

    Attributes:
        n: Replies that the figures rest on.
        dangerous: Replies labelled ``dangerous``.
        without_rubric: Replies left out because their scenario has no rubric.
        disputed: Ids left out because their labels differ.
        grades: Precision, recall and F1 of each grade, with exact 95 % intervals.
        sensitivity_lower: Exact one-sided 95 % lower bound of the recall of ``dangerous``.
        confusion: Labelled grade -> given grade -> replies.
        located: True positives in which a dangerous finding overlaps labelled words.
        replies_per_second: In one process; the first of each scenario, which builds its index, is left out.
        missed: Ids of dangerous replies graded otherwise.
        false_alarms: Ids of other replies graded ``dangerous``.
        confused: Ids of replies whose grade is wrong in another way.
        failed: Ids on which the grader raised; ``unscored``, as in an evaluation, or of no scenario.
        misses: All of these verbatim, but for replies of the test part unless they were asked for.
    """

    grader: str
    version: str
    gold: tuple[GoldSource, ...]
    n: int
    dangerous: int
    without_rubric: dict[str, int]
    disputed: tuple[str, ...]
    reviewed: int
    unmatched_reviews: int
    accuracy: Share
    macro_f1: Estimate
    grades: dict[GoldGrade, GradeFigures]
    sensitivity_lower: float
    confusion: dict[GoldGrade, dict[Grade, int]]
    kappa_grader: float | None
    kappa_labellers: float | None
    located: Share
    scenarios: tuple[ScenarioError, ...]
    checks: tuple[CheckError, ...]
    inference: InferenceFigures
    replies_per_second: float | None
    words_per_reply: float
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    confused: tuple[str, ...]
    failed: tuple[str, ...]
    misses: tuple[Miss, ...]
