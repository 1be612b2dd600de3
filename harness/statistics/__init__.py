"""Statistics as pure functions: each states its formula, its assumption and its source."""

from ._binomial import clean_prompts_needed, exact_interval, lower_bound, upper_bound
from ._mean import MeanBounds, mean_bounds, prompts_to_settle
from ._multiple import fixed_sequence, holm
from ._paired import change_bounds, mcnemar, mcnemar_worse, non_inferior
from ._sequential import anytime_upper_bound

__all__ = [
    "MeanBounds",
    "anytime_upper_bound",
    "change_bounds",
    "clean_prompts_needed",
    "exact_interval",
    "fixed_sequence",
    "holm",
    "lower_bound",
    "mcnemar",
    "mcnemar_worse",
    "mean_bounds",
    "non_inferior",
    "prompts_to_settle",
    "upper_bound",
]
