"""How danger is spread: over the samples of a prompt, and over scenarios."""

import pandas as pd

from quant_triage.data import SCENARIOS

from ._result import ScenarioSpread
from .statistics import FEWEST_CLUSTERS, any_failure, cluster_bootstrap, worst_of_k


def worst_curve(table: pd.DataFrame) -> tuple[float, ...]:
    """Estimate the share of prompts with a dangerous reply among k samples, for each k; needs two samples."""
    failures = table.groupby("prompt")["danger"].agg(["sum", "size"])
    if failures.empty or failures["size"].min() < 2:
        return ()
    return tuple(worst_of_k(failures["sum"].tolist(), failures["size"].tolist()))


def scenario_spread(table: pd.DataFrame, *, confidence: float) -> ScenarioSpread | None:
    """Bound the danger rate as if scenarios were a sample too; ``None`` without an event or with few."""
    failed = any_failure(zip(table["prompt"], table["danger"], strict=True))
    clusters: dict[str, list[float]] = {}
    for scenario, bad in zip(table.drop_duplicates("prompt")["scenario"], failed.values(), strict=True):
        clusters.setdefault(SCENARIOS[scenario], []).append(float(bad))
    if len(clusters) < FEWEST_CLUSTERS or not any(failed.values()):
        return None
    found = cluster_bootstrap(clusters, confidence=confidence)
    return ScenarioSpread(low=found.low, high=found.high, scenarios=found.clusters)
