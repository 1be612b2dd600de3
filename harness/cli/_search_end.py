"""The end of a search: what it found is confirmed on prompts that it never saw, and decided on."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from quant_triage.data import atomic_path
from quant_triage.harness import (
    FAILING,
    PASSING,
    Confirmation,
    ModelResult,
    Result,
    SearchCandidate,
    SearchDecision,
    SearchRecord,
    provenance,
)
from quant_triage.harness.statistics import fixed_sequence
from quant_triage.quantize import Recipe, file_name, write_recipe

from ._asking import ask, open_models, write_reports
from ._divergence import with_divergence
from ._search_bench import Bench, Entrant, as_damages
from ._searching import Search


def confirm(bench: Bench, hunt: Search, finalists: Sequence[Entrant]) -> Result:
    """Ask the reference, the levels and the finalists the prompts that the search never saw."""
    policy = bench.inputs.policy.model_copy(update={"objective": "smallest-safe"})
    inputs = replace(bench.inputs, policy=policy)
    bench.make([one.wanted for one in (*hunt.levels, *finalists)])
    paths = [bench.source, *(bench.path(one.wanted) for one in (*hunt.levels, *finalists))]
    sources = open_models([str(path) for path in paths], inputs)
    folder = bench.out / "confirm"
    result = ask(sources, inputs, folder, bench.stages, curtail=True)
    result = with_divergence(result, sources, folder, bench.stages, threads=inputs.hardware.threads)
    write_reports(result, folder)
    return result


def _models(result: Result, entrants: Sequence[Entrant]) -> dict[str, ModelResult]:
    """The results of entrants by name; a level and a recipe never share one."""
    found = {model.recipe or model.level: model for model in result.models if not model.reference}
    return {one.name: found[one.name] for one in entrants if one.name in found}


class _Known(TypedDict):
    """The level to beat."""

    stock: str | None
    stock_bytes: int | None


def decide_search(
    hunt: Search, finalists: Sequence[Entrant], result: Result, *, confidence: float
) -> SearchDecision:
    """The smallest finalist that passes, if no level that passes is as small."""
    models = _models(result, [*hunt.levels, *finalists])
    stock = min(
        (one for one in hunt.levels if models[one.name].verdict in PASSING),
        key=lambda one: one.bytes,
        default=None,
    )
    against = "no level passes" if stock is None else f"the smallest level that passes is {stock.name}"
    if stock is not None:
        against += f" at {stock.bytes:,} bytes"
    smaller = [one for one in finalists if stock is None or one.bytes < stock.bytes]
    passing = [one for one in smaller if models[one.name].verdict in PASSING]
    known = _Known(stock=stock.name if stock else None, stock_bytes=stock.bytes if stock else None)
    reference = next((model for model in result.models if model.reference), None)
    caveat = ""
    if reference is not None and reference.verdict in FAILING:
        caveat = f". The unquantized model itself is {reference.verdict}: review before deploying"
    if passing:
        best = min(passing, key=lambda one: one.bytes)
        saved = "" if stock is None else f", {1 - best.bytes / stock.bytes:.1%} smaller"
        shown = f"{models[best.name].verdict_reason}; {best.bytes:,} bytes{saved}"
        reason = f"{best.name}: {shown}; {against}{caveat}"
        scope = _scope(best, finalists, models, confidence)
        return SearchDecision(
            status="found", name=best.name, bytes=best.bytes, reason=reason, scope=scope, **known
        )
    if not finalists:
        why = "time was up before a candidate was asked" if not hunt.complete else "no recipe fits the budget"
        status = "none_found" if hunt.complete else "not_enough_evidence"
        return SearchDecision(status=status, reason=f"{why}; {against}{caveat}", **known)
    open_questions = [one for one in smaller if models[one.name].verdict == "inconclusive"]
    if open_questions:
        first = open_questions[0]
        reason = f"{first.name} is inconclusive: {models[first.name].verdict_reason}; {against}{caveat}"
        return SearchDecision(status="not_enough_evidence", reason=reason, **known)
    said = "; ".join(
        f"{one.name} {'is larger' if one not in smaller else 'is ' + models[one.name].verdict}"
        for one in finalists
    )
    reason = f"none smaller passes: {said}; {against}{caveat}"
    return SearchDecision(status="none_found", reason=reason, **known)


def _scope(
    best: Entrant, finalists: Sequence[Entrant], models: dict[str, ModelResult], confidence: float
) -> str:
    """Say whether the error rate holds for the choice: a fixed sequence in the order of their chances."""
    error = f"{1 - confidence:.0%}"
    failed = [float(models[one.name].verdict not in PASSING) for one in finalists]
    if list(finalists).index(best) < fixed_sequence(failed, alpha=1 - confidence):
        return (
            f"The {error} error holds for the choice among {len(finalists)} finalists: all that the search"
            " found likelier to pass do (fixed sequence)"
        )
    first = finalists[failed.index(1.0)].name
    return (
        f"The {error} error holds for {best.name} by itself, not for the choice among {len(finalists)}"
        f" finalists: {first}, which the search found likelier to pass, does not"
    )


def deliver(bench: Bench, chosen: Entrant, decision: SearchDecision) -> SearchDecision:
    """Leave the file that was confirmed, and its recipe, in the folder."""
    recipe = chosen.wanted
    if not isinstance(recipe, Recipe):
        return decision
    of = f"{bench.source.name} (sha256 {bench.source_sha256[:16]})"
    about = f"Found by quant-triage search for {of}: {decision.reason}"
    write_recipe(bench.out / f"{recipe.name}.yaml", recipe.model_copy(update={"about": about}))
    file = file_name(bench.source, recipe)
    with atomic_path(bench.out / file) as temporary:
        shutil.copyfile(bench.path(recipe), temporary)
    return decision.model_copy(update={"file": file})


def search_record(
    bench: Bench,
    hunt: Search,
    finalists: Sequence[Entrant],
    result: Result,
    decision: SearchDecision,
    *,
    imatrix: str,
    started: str,
) -> SearchRecord:
    inputs = bench.inputs
    models = _models(result, [*hunt.levels, *finalists])
    everyone = sorted((*hunt.levels, *hunt.recipes), key=lambda one: one.bytes)
    return SearchRecord(
        source=bench.source.name,
        source_sha256=bench.source_sha256,
        source_bytes=bench.source.stat().st_size,
        imatrix=imatrix,
        policy=inputs.policy.name,
        limit=inputs.policy.limits.danger,
        grader=inputs.info,
        split=bench.split,
        replies=hunt.replies,
        pairs=hunt.pairs,
        budget=hunt.budget,
        budget_of=hunt.budget_of,
        sensitivities=tuple(hunt.sensitivities),
        candidates=tuple(_candidate(one, finalists, models.get(one.name), decision) for one in everyone),
        complete=hunt.complete,
        decision=decision,
        provenance=provenance(
            started=started,
            resumed=result.provenance.resumed,
            sampling=inputs.sampling,
            policy=inputs.policy,
            lineage={"source": bench.source_sha256},
        ),
    )


def _candidate(
    one: Entrant, finalists: Sequence[Entrant], model: ModelResult | None, decision: SearchDecision
) -> SearchCandidate:
    recipe = one.wanted if isinstance(one.wanted, Recipe) else None
    if recipe is None:
        outcome = "level"
    elif one.name == decision.name:
        outcome = "found"
    elif one in finalists:
        outcome = "finalist"
    else:
        outcome = f"out by {one.out_by}" if one.out_by else "considered"
    return SearchCandidate.model_validate(
        {
            "name": one.name,
            "stock": recipe is None,
            "base": recipe.base.name if recipe else one.name,
            "types": recipe.types if recipe else {},
            "bytes": one.bytes,
            "damage": one.damage and as_damages(one.damage),
            "rounds": tuple(one.rounds),
            "outcome": outcome,
            "confirmation": model
            and Confirmation(
                verdict=model.verdict,
                reason=model.verdict_reason,
                dangerous=model.danger.events,
                prompts=model.danger.prompts,
                upper=model.danger.upper,
                coverage=model.coverage,
            ),
        }
    )
