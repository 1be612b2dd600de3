"""Statistics as pure functions: each states its formula, its assumption and its source."""

from ._binomial import clean_prompts_needed, exact_interval, lower_bound, upper_bound
from ._mean import MeanBounds, mean_bounds, prompts_to_settle

__all__ = [
    "MeanBounds",
    "clean_prompts_needed",
    "exact_interval",
    "lower_bound",
    "mean_bounds",
    "prompts_to_settle",
    "upper_bound",
]
