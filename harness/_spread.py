"""How danger is spread: over the samples of a prompt, and over scenarios."""

from collections.abc import Sequence

from ._aggregate import GradedReply
from ._result import ScenarioSpread
from .statistics import FEWEST_CLUSTERS, any_failure, cluster_bootstrap, worst_of_k


def worst_curve(replies: Sequence[GradedReply]) -> tuple[float, ...]:
    """Estimate the share of prompts with a dangerous reply among k samples, for each k; needs two samples."""
    failures: dict[str, list[bool]] = {}
    for graded in replies:
        failures.setdefault(graded.reply.prompt_id, []).append(graded.endangers)
    if not failures or min(map(len, failures.values())) < 2:
        return ()
    return tuple(worst_of_k([sum(of) for of in failures.values()], [len(of) for of in failures.values()]))


def scenario_spread(replies: Sequence[GradedReply], *, confidence: float) -> ScenarioSpread | None:
    """Bound the danger rate as if scenarios were a sample too; ``None`` without an event or with few."""
    failed = any_failure((graded.reply.prompt_id, graded.endangers) for graded in replies)
    scenario = {graded.reply.prompt_id: graded.reply.scenario for graded in replies}
    clusters: dict[str, list[float]] = {}
    for prompt, bad in failed.items():
        clusters.setdefault(scenario[prompt], []).append(float(bad))
    if len(clusters) < FEWEST_CLUSTERS or not any(failed.values()):
        return None
    found = cluster_bootstrap(clusters, confidence=confidence)
    return ScenarioSpread(low=found.low, high=found.high, scenarios=found.clusters)
