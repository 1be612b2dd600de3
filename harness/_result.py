"""The one result object: ``report.json`` is its JSON, and all other outputs are rendered from it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from quant_triage.data import Record, Scenario
from quant_triage.prompts import Suite

from ._comparison import Comparison
from ._labels import Review
from ._records import Finding, FinishReason, Grade, Outcome, RequiredActs, Verdict, label_of
from ._spool import View
from .statistics import Accuracy, TrueRate

SCHEMA_VERSION = 1


TokenKind = Literal["number", "negation", "other"]


class SuiteInfo(Record):
    """Which questions were asked."""

    name: str
    version: int
    sha256: str
    prompts: int
    scenarios: tuple[Scenario, ...]
    samples: int = 1

    @classmethod
    def of(cls, suite: Suite, samples: int = 1) -> Self:
        """Describe a suite, each prompt of which is asked so often."""
        return cls(
            name=suite.name,
            version=suite.version,
            sha256=suite.sha256,
            prompts=len(suite.prompts),
            scenarios=suite.scenarios,
            samples=samples,
        )


class MeasuredError(Record):
    """The grader's own error on labelled replies, for the grade ``dangerous``.

    Attributes:
        sensitivity_lower: The exact one-sided 95 % lower bound of the recall.
        accuracy: The counts behind it, on dangerous and on harmless replies.
    """

    labelled: int
    precision: float
    recall: float
    sensitivity_lower: float
    source: str
    accuracy: Accuracy | None = None


class GraderInfo(Record):
    """Who graded, and how far it can be trusted."""

    name: str
    version: str
    rubrics_sha256: str
    measured_error: MeasuredError | None = None

    @property
    def sensitivity(self) -> float:
        """Lower confidence limit of its recall on dangerous replies; 1 where it was never measured."""
        return self.measured_error.sensitivity_lower if self.measured_error else 1.0

    @property
    def accuracy(self) -> Accuracy | None:
        """Its counts on labelled replies; ``None`` where it was never measured, or they were not kept."""
        return self.measured_error.accuracy if self.measured_error else None


class DangerCount(Record):
    """Dangerous replies. The unit is a prompt: with several samples, any dangerous sample makes it an event.

    Attributes:
        rate: events / prompts; ``None`` for no prompts.
        upper: One-sided 95 % upper bound on the rate, with the grader's own error carried in.
        dismissed: Flags that reviewers dismissed.
        corrected: What the true rate may be, the grader's misses and false alarms taken out (Rogan and
            Gladen); never held against a limit. ``None`` where its error was not measured, or the policy has
            plain rates, or several samples (the error is one of replies), or the model was stopped early.
    """

    events: int
    prompts: int
    rate: float | None
    upper: float
    dismissed: int = 0
    corrected: TrueRate | None = None


class GradeCounts(Record):
    """Replies by grade."""

    safe: int = 0
    caution: int = 0
    dangerous: int = 0
    incoherent: int = 0
    unscored: int = 0


class KindDivergence(Record):
    """The divergence at tokens of one kind."""

    tokens: int
    kl_mean: float
    top1: float


class FirstDifference(Record):
    """Where greedy decoding would first leave the reference's replies.

    ``kinds`` counts these places by what stands there; ``median_token`` is that of the replies that are left.
    """

    documents: int
    diverged: int
    median_token: float | None
    kinds: dict[TokenKind, int]


class Divergence(Record):
    """How far the level's next-token distribution is from the reference's. Never decides.

    Attributes:
        kinds: The same at numbers, at negations and elsewhere: a small slip at the first two can do harm.
        first: ``None`` where it was not measured on replies.
    """

    kl_mean: float
    top1: float
    ppl: float
    kinds: dict[TokenKind, KindDivergence] = {}
    first: FirstDifference | None = None


class ScenarioCount(Record):
    """Dangerous prompts within one scenario, with their own bound (0 of 12 is only 22 %)."""

    scenario: Scenario
    events: int
    prompts: int
    upper: float
    coverage: float


class ScenarioSpread(Record):
    """The rate of dangerous prompts were the scenarios a sample too: a two-sided bootstrap over them."""

    low: float
    high: float
    scenarios: int


class ReplyResult(Record):
    """One graded reply as it stands in the report.

    Attributes:
        dismissed: Whether its flag was dismissed.
        review: A reviewer's word on its flag, if there is one.
    """

    prompt_id: str
    scenario: Scenario
    sample: int
    prompt: str
    reply: str
    finish_reason: FinishReason
    grade: Grade
    findings: tuple[Finding, ...]
    required: RequiredActs
    coverage: float
    score: float
    dismissed: bool = False
    review: Review | None = None

    @property
    def endangers(self) -> bool:
        """Whether it counts as dangerous in every bound: flagged and not dismissed, or never graded."""
        return self.grade == "unscored" or (self.grade == "dangerous" and not self.dismissed)


def _as_is(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    return value if isinstance(value, View) else handler(value)


if TYPE_CHECKING:
    Replies = Sequence[ReplyResult]
else:
    # A tuple, or a view of what lies in a file: a hundred thousand replies need not be in memory.
    _ALL = tuple[ReplyResult, ...]
    Replies = Annotated[_ALL, WrapValidator(_as_is), PlainSerializer(tuple, return_type=_ALL)]


class ModelResult(Record):
    """Everything that was found about one model.

    Attributes:
        recipe: The recipe that chose its tensor types on top of its level, if one did.
        reference: Whether it is the unquantized reference, ranked and never selected.
        stopped_at: Prompts that it had answered when it was stopped early; ``None`` when all were asked.
            Bounds on rates of such a model are those that hold at any stop, and a failing verdict is the
            mildest that was still possible: in full it may be worse.
        stopped_why: Why, in words.
        tokens: New tokens that were generated for it, those of unfinished replies included.
        worst_of_k: Estimated share of prompts with a dangerous reply among k samples, for k = 1, 2, …; empty
            for one sample each. Still climbing at its end, it says that more samples would find more.
        across_scenarios: ``None`` without an event, with few scenarios, or for a stopped model.
    """

    name: str
    level: str
    recipe: str | None = None
    sha256: str
    reference: bool = False
    verified: bool = True
    bytes: int | None
    bits_per_weight: float | None
    tensor_types: dict[str, int]
    outcome: Outcome
    verdict: Verdict
    verdict_reason: str
    rank: int = Field(ge=1)
    detail: Literal["none", "concise", "detailed", "very detailed"]
    assessment: str
    grades: GradeCounts
    refusals: int
    danger: DangerCount
    incoherent_upper: float
    coverage: float
    score: float
    tokens_per_second: float | None
    peak_rss_bytes: int | None
    tokens: int | None = None
    stopped_at: int | None = None
    stopped_why: str | None = None
    worst_of_k: tuple[float, ...] = ()
    across_scenarios: ScenarioSpread | None = None
    divergence: Divergence | None = None
    scenarios: tuple[ScenarioCount, ...] = ()
    replies: Replies = ()

    @property
    def label(self) -> str:
        """The level, with its recipe's name where a recipe made it."""
        return label_of(self.level, self.recipe)


class Decision(Record):
    """Which level may be deployed.

    Attributes:
        more_prompts: How many more clean prompts would settle it, for ``not_enough_evidence``.
        scope: For ``selected`` among several levels: whether the error rate holds for the choice among
            them, or for this level by itself only.
    """

    status: Literal["selected", "none_safe", "not_enough_evidence"]
    level: str | None = None
    model: str | None = None
    runner_up: str | None = None
    reason: str
    policy: str
    more_prompts: int | None = None
    scope: str | None = None

    @property
    def exit_code(self) -> int:
        """0 selected, 1 none safe, 3 not enough evidence."""
        return {"selected": 0, "none_safe": 1, "not_enough_evidence": 3}[self.status]


class Provenance(Record):
    """How the result came to be, enough to repeat it."""

    command: str
    started: str
    finished: str
    resumed: bool
    versions: dict[str, str]
    machine: dict[str, str]
    sampling: dict[str, str | int | float | None]
    policy: dict[str, object]
    lineage: dict[str, str] = {}


class Place(Record):
    """A line of a file: relative to where the program was started, or to the package where shipped."""

    file: str
    line: int
    shipped: bool = False


class Places(Record):
    """Where prompts stand, by id, and where checks stand, by ``scenario/check``."""

    prompts: dict[str, Place] = {}
    checks: dict[str, Place] = {}


class Result(Record):
    """The truth of a run.

    Attributes:
        baseline: For a gate: its model beside the one in the baseline.
        places: Lines of the prompts and of the checks that were found against.
        quantization: Each level beside the unquantized reference, best first; the one-sided p-values on
            danger are adjusted for their number (Holm).
        base: What was fine-tuned, as it was before; it takes no part in ranking or decision.
        fine_tuning: That base before, and the reference after fine-tuning.
    """

    schema_version: int = SCHEMA_VERSION
    suite: SuiteInfo
    grader: GraderInfo
    reference: str | None
    provenance: Provenance
    models: tuple[ModelResult, ...]
    decision: Decision
    baseline: Comparison | None = None
    places: Places = Places()
    quantization: tuple[Comparison, ...] = ()
    base: ModelResult | None = None
    fine_tuning: Comparison | None = None
