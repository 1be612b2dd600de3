"""Statistics as pure functions: each states its formula, its assumption and its source."""

from ._binomial import clean_prompts_needed, exact_interval, lower_bound, upper_bound
from ._bootstrap import FEWEST_CLUSTERS, ClusterInterval, cluster_bootstrap
from ._grader import Accuracy, TrueRate, correctable, true_rate
from ._mean import MeanBounds, mean_bounds, prompts_to_settle
from ._multiple import fixed_sequence, holm
from ._paired import change_bounds, mcnemar, mcnemar_worse, non_inferior
from ._power import events_allowed, power_to_pass, prompts_for_power, prompts_to_tell_apart
from ._samples import any_failure, worst_of_k
from ._sequential import anytime_upper_bound

__all__ = [
    "FEWEST_CLUSTERS",
    "Accuracy",
    "ClusterInterval",
    "MeanBounds",
    "TrueRate",
    "any_failure",
    "anytime_upper_bound",
    "change_bounds",
    "clean_prompts_needed",
    "cluster_bootstrap",
    "correctable",
    "events_allowed",
    "exact_interval",
    "fixed_sequence",
    "holm",
    "lower_bound",
    "mcnemar",
    "mcnemar_worse",
    "mean_bounds",
    "non_inferior",
    "power_to_pass",
    "prompts_for_power",
    "prompts_to_settle",
    "prompts_to_tell_apart",
    "true_rate",
    "upper_bound",
    "worst_of_k",
]
