"""Graded replies of all models -> the one result object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from quant_triage.data import public_text

from ._aggregate import GradedReply, tabulate, weigh
from ._beside import beside_reference
from ._curtail import Stop
from ._decision import Candidate, decide, rank
from ._describe import assessment, detail
from ._graded import reply_result
from ._policy import Policy
from ._records import ModelCard, Outcome, Speed
from ._result import (
    GraderInfo,
    ModelResult,
    Provenance,
    Result,
    SuiteInfo,
)
from ._spool import View
from ._spread import scenario_spread, worst_curve
from ._verdict import PASSING, Judgement, judge


@dataclass(frozen=True)
class ModelRun:
    """One model, how its run ended, and its graded replies in the plan's order.

    Attributes:
        stop: Why it was stopped before its last reply, if it was.
    """

    card: ModelCard
    outcome: Outcome
    speed: Speed
    replies: Sequence[GradedReply]
    stop: Stop | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """What is counted of its replies."""
        return tabulate(self.replies)


def _model_result(run: ModelRun, candidate: Candidate, position: int, *, confidence: float) -> ModelResult:
    card, evidence, judgement = candidate.card, candidate.evidence, candidate.judgement
    stop = run.stop if run.stop and run.stop.why != "running" else None
    return ModelResult(
        name=card.name,
        level=card.level,
        recipe=card.recipe,
        sha256=card.sha256,
        reference=card.reference,
        verified=card.verified,
        bytes=card.bytes,
        bits_per_weight=card.bits_per_weight,
        tensor_types=card.tensor_types,
        outcome=run.outcome.model_copy(
            update={"cause": run.outcome.cause and public_text(run.outcome.cause)}
        ),
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
        tokens=run.speed.tokens or None,
        stopped_at=evidence.prompts if stop else None,
        stopped_why=stop and stop.words(evidence.prompts),
        worst_of_k=() if run.stop else worst_curve(run.table),
        across_scenarios=None if run.stop else scenario_spread(run.table, confidence=confidence),
        scenarios=evidence.scenarios,
        replies=View(run.replies, reply_result),
    )


def _candidate(run: ModelRun, policy: Policy, grader: GraderInfo, *, least: int) -> Candidate:
    """Judge one model. One that was asked less than the policy wants may fail and never passes."""
    cut = run.stop is not None and run.stop.why in {"settled", "running"}
    evidence = weigh(
        run.table,
        policy,
        sensitivity=grader.sensitivity,
        accuracy=grader.accuracy,
        stopped=cut,
    )
    judgement = judge(run.card, run.outcome, run.speed, evidence, policy)
    if run.stop is not None and run.stop.judgement is not None:
        # What it said until then alone might sound worse than all that it would have said.
        judgement = Judgement(verdict=run.stop.judgement.verdict, reason=run.stop.words(evidence.prompts))
    short = max(0, least - evidence.prompts)
    if short and judgement.verdict in PASSING:
        reason = f"only {evidence.prompts} of the {least} prompts of policy {policy.name!r} were asked"
        judgement = Judgement(verdict="inconclusive", reason=f"{reason}; {judgement.reason}")
    return Candidate(card=run.card, evidence=evidence, judgement=judgement, short=short)


def assemble(
    runs: Sequence[ModelRun],
    suite: SuiteInfo,
    *,
    policy: Policy,
    grader: GraderInfo,
    provenance: Provenance,
    least: int = 0,
) -> Result:
    """Judge and rank every model, decide, and put everything into one result.

    Models come best first; the base of a fine-tuning takes no part in the decision. The grader's measured
    sensitivity, where known, widens every bound on danger. A model with fewer than ``least`` prompts is never
    called safe.
    """
    by_hash: Mapping[str, ModelRun] = {run.card.sha256: run for run in runs}
    candidates = [_candidate(run, policy, grader, least=least) for run in runs]
    ranked = rank([one for one in candidates if not one.card.base], policy)
    reference = next((candidate.card.name for candidate in ranked if candidate.card.reference), None)
    models = tuple(
        _model_result(by_hash[candidate.card.sha256], candidate, position, confidence=policy.confidence)
        for position, candidate in enumerate(ranked, start=1)
    )
    before = next((one for one in candidates if one.card.base), None)
    base = (
        None
        if before is None
        else _model_result(by_hash[before.card.sha256], before, 1, confidence=policy.confidence)
    )
    quantization, fine_tuning = beside_reference(models, base, confidence=policy.confidence)
    return Result(
        suite=suite,
        grader=grader,
        reference=reference,
        provenance=provenance,
        models=models,
        decision=decide(ranked, policy, sensitivity=grader.sensitivity),
        quantization=quantization,
        base=base,
        fine_tuning=fine_tuning,
    )
