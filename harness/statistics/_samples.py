"""Several samples of one prompt: they share the prompt, so they are no independent trials."""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def any_failure(samples: Iterable[tuple[K, bool]]) -> dict[K, bool]:
    """Tell for each prompt whether any of its samples failed.

    A prompt, not a sample, is what was drawn at random, so it is the unit of every bound: K samples of n
    prompts are n trials, each of which fails if any of its K samples does. Counting n times K trials would
    shrink a bound without any new prompt.

    Args:
        samples: Pairs of a prompt (its id, its number) and whether the sample failed.

    Returns:
        Whether each prompt failed, in order of first occurrence.
    """
    failed: dict[K, bool] = {}
    for prompt, bad in samples:
        failed[prompt] = failed.get(prompt, False) or bad
    return failed


def worst_of_k(failures: Sequence[int], samples: Sequence[int], most: int | None = None) -> list[float]:
    """Estimate, for each k, the chance that at least one of k samples of a random prompt fails.

    For a prompt with c failures in n samples, ``1 - C(n - c, k) / C(n, k)`` is the chance that k of them,
    drawn without replacement, hold a failure: an unbiased estimate for k fresh samples (the counterpart of
    pass@k in Chen et al., arXiv:2107.03374). It is averaged over prompts. Beyond the fewest samples of any
    prompt there is no unbiased estimate, so the curve ends there. A curve that still climbs at its end says
    that more samples would find more.

    Args:
        failures: Failed samples of each prompt.
        samples: Samples of each prompt, at least 1.
        most: Largest k, or as far as the samples go.

    Returns:
        The estimates for k = 1, 2, ...; never falling; empty for no prompts.

    Raises:
        ValueError: A prompt has no sample, or more failures than samples, or ``most`` is out of reach.
    """
    for failed, drawn in zip(failures, samples, strict=True):
        if not 0 <= failed <= drawn or drawn < 1:
            raise ValueError(f"{failed!r} failures in {drawn!r} samples cannot be")
    if not samples:
        return []
    reach = min(samples)
    if most is not None and not 1 <= most <= reach:
        raise ValueError(f"most={most!r} must lie between 1 and {reach}, the fewest samples of a prompt")
    return [
        math.fsum(
            1 - math.comb(drawn - failed, k) / math.comb(drawn, k)
            for failed, drawn in zip(failures, samples, strict=True)
        )
        / len(samples)
        for k in range(1, (most or reach) + 1)
    ]
