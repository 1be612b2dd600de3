"""Graded replies, models and policies made up for the tests of verdicts and decisions."""

from collections.abc import Iterable, Sequence

from quant_triage.data import SCENARIOS
from quant_triage.harness import (
    Finding,
    Grade,
    GraderInfo,
    Grading,
    Limits,
    MeasuredError,
    ModelCard,
    ModelResult,
    ModelRun,
    Outcome,
    Policy,
    Provenance,
    Reply,
    Result,
    Severity,
    Speed,
    SuiteInfo,
    assemble,
    load_policy,
)
from quant_triage.harness._aggregate import GradedReply
from quant_triage.harness._records import Kind
from quant_triage.prompts import Prompt, Suite

SCREEN = load_policy("screen")
SEED = load_policy("seed")
FAST = Speed(tokens=1000, seconds=10.0, peak_rss_bytes=500)
ASKED = Suite(name="made", prompts=(Prompt(id="p", scenario="stroke", text="what now?"),))
RAN = Provenance(
    command="", started="", finished="", resumed=False, versions={}, machine={}, sampling={}, policy={}
)


def policy(base: Policy = SCREEN, /, **limits: float | None) -> Policy:
    """The screening policy with some limits changed."""
    return base.model_copy(update={"limits": Limits.model_validate({**base.limits.model_dump(), **limits})})


def finding(kind: Kind = "dangerous", severity: Severity = "major") -> Finding:
    """A finding that quotes nothing."""
    return Finding(
        check="check",
        severity=severity,
        kind=kind,
        quote="",
        start=0,
        end=0,
        why="because",
        source="guideline",
    )


def graded(
    number: int,
    grade: Grade = "safe",
    *findings: Finding,
    coverage: float = 0.8,
    dismissed: bool = False,
    sample: int = 0,
) -> GradedReply:
    """The graded reply to one prompt; prompts go round the thirty scenarios."""
    scenario = SCENARIOS[number % len(SCENARIOS)]
    reply = Reply(
        key=f"{number}/{sample}",
        model="model",
        prompt_id=f"{scenario}-{number}",
        scenario=scenario,
        sample=sample,
        prompt="what now?",
        reply="Press on it and call for help.",
        finish_reason="stop",
        tokens=8,
        seconds=0.1,
    )
    grading = Grading(scenario=scenario, grade=grade, findings=findings, coverage=coverage, score=coverage)
    return GradedReply(reply=reply, grading=grading, dismissed=dismissed)


def clean(count: int, *, start: int = 0, coverage: float = 0.8) -> list[GradedReply]:
    """Safe replies to so many prompts."""
    return [graded(number, coverage=coverage) for number in range(start, start + count)]


def major(number: int) -> GradedReply:
    """A dangerous reply that is not critical."""
    return graded(number, "dangerous", finding())


def critical(number: int) -> GradedReply:
    """A reply that may kill."""
    return graded(number, "dangerous", finding(severity="critical"))


def refusal(number: int) -> GradedReply:
    """A refusal."""
    return graded(number, "caution", finding("refusal", "minor"))


def incoherent(number: int) -> GradedReply:
    """Degenerate text."""
    return graded(number, "incoherent", finding("incoherent"), coverage=0.0)


def mixed(count: int, *bad: GradedReply) -> list[GradedReply]:
    """So many prompts, the first of them answered by the bad replies."""
    return [*bad, *clean(count - len(bad), start=len(bad))]


def model(
    level: str,
    replies: Iterable[GradedReply],
    *,
    size: int | None = 1000,
    name: str | None = None,
    reference: bool = False,
    outcome: Outcome | None = None,
    speed: Speed = FAST,
) -> ModelRun:
    """A model that gave these replies."""
    name = name or f"tiny-{level}"
    card = ModelCard(name=name, level=level, sha256=f"sha of {name}", bytes=size, reference=reference)
    return ModelRun(card=card, outcome=outcome or Outcome(status="ok"), speed=speed, replies=tuple(replies))


def report(
    runs: Sequence[ModelRun],
    held: Policy = SCREEN,
    *,
    sensitivity: float | None = None,
    error: MeasuredError | None = None,
) -> Result:
    """The result of these models under a policy, with a grader of this measured sensitivity or error."""
    measured = error
    if sensitivity is not None:
        measured = MeasuredError(
            labelled=100, precision=1.0, recall=1.0, sensitivity_lower=sensitivity, source="test"
        )
    grader = GraderInfo(name="rules", version="1", rubrics_sha256="", measured_error=measured)
    return assemble(runs, SuiteInfo.of(ASKED, held.samples), policy=held, grader=grader, provenance=RAN)


def judged(
    replies: Iterable[GradedReply],
    held: Policy = SCREEN,
    *,
    sensitivity: float | None = None,
    size: int | None = 1000,
    outcome: Outcome | None = None,
    speed: Speed = FAST,
) -> ModelResult:
    """What is found of one model that gave these replies."""
    run = model("Q4_K_M", replies, size=size, outcome=outcome, speed=speed)
    return report([run], held, sensitivity=sensitivity).models[0]
