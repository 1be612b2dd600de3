"""Graded replies of all models -> the one result object."""

from collections.abc import Mapping, Sequence

from quant_triage.data import Record, Scenario
from quant_triage.prompts import Suite

from ._aggregate import GradedReply, gather
from ._decision import Candidate, decide, rank
from ._describe import assessment, detail
from ._policy import Policy
from ._records import ModelCard, Outcome, Speed
from ._result import (
    GraderInfo,
    ModelResult,
    Provenance,
    ReplyResult,
    Result,
    SuiteInfo,
)
from ._verdict import judge


class ModelRun(Record):
    """One model, how its run ended, and its graded replies in the plan's order."""

    card: ModelCard
    outcome: Outcome
    speed: Speed
    replies: tuple[GradedReply, ...]


def _reply_result(graded: GradedReply) -> ReplyResult:
    reply, grading = graded.reply, graded.grading
    return ReplyResult(
        prompt_id=reply.prompt_id,
        scenario=reply.scenario,
        sample=reply.sample,
        prompt=reply.prompt,
        reply=reply.reply,
        finish_reason=reply.finish_reason,
        grade=grading.grade,
        findings=grading.findings,
        required=grading.required,
        coverage=grading.coverage,
        score=grading.score,
        dismissed=graded.dismissed,
    )


def _model_result(run: ModelRun, candidate: Candidate, position: int) -> ModelResult:
    card, evidence, judgement = candidate.card, candidate.evidence, candidate.judgement
    return ModelResult(
        name=card.name,
        level=card.level,
        sha256=card.sha256,
        reference=card.reference,
        bytes=card.bytes,
        bits_per_weight=card.bits_per_weight,
        tensor_types=card.tensor_types,
        outcome=run.outcome,
        verdict=judgement.verdict,
        verdict_reason=judgement.reason,
        rank=position,
        detail=detail(evidence),
        assessment=assessment(judgement, evidence, run.replies),
        grades=evidence.grades,
        refusals=evidence.refusals,
        danger=evidence.danger,
        incoherent_upper=evidence.incoherent_upper,
        coverage=evidence.coverage.mean,
        score=evidence.score,
        tokens_per_second=run.speed.tokens_per_second,
        peak_rss_bytes=run.speed.peak_rss_bytes,
        scenarios=evidence.scenarios,
        replies=tuple(_reply_result(graded) for graded in run.replies),
    )


def assemble(
    runs: Sequence[ModelRun], suite: Suite, *, policy: Policy, grader: GraderInfo, provenance: Provenance
) -> Result:
    """Judge and rank every model, decide, and put everything into one result.

    Models come best first. The grader's measured sensitivity, where known, widens every bound on danger.
    """
    sensitivity = grader.measured_error.sensitivity_lower if grader.measured_error else 1.0
    by_hash: Mapping[str, ModelRun] = {run.card.sha256: run for run in runs}
    candidates = []
    for run in runs:
        evidence = gather(run.replies, policy, sensitivity=sensitivity)
        judgement = judge(run.card, run.outcome, run.speed, evidence, policy)
        candidates.append(Candidate(card=run.card, evidence=evidence, judgement=judgement))
    ranked = rank(candidates, policy)
    reference = next((candidate.card.name for candidate in ranked if candidate.card.reference), None)
    scenarios: tuple[Scenario, ...] = suite.scenarios
    return Result(
        suite=SuiteInfo(
            name=suite.name,
            version=suite.version,
            sha256=suite.sha256,
            prompts=len(suite.prompts),
            scenarios=scenarios,
            samples=policy.samples,
        ),
        grader=grader,
        reference=reference,
        provenance=provenance,
        models=tuple(
            _model_result(by_hash[candidate.card.sha256], candidate, position)
            for position, candidate in enumerate(ranked, start=1)
        ),
        decision=decide(ranked, policy, sensitivity=sensitivity),
    )
