"""Which of several processes this is, as a launcher such as accelerate's tells it."""

import os

from quant_triage.data import UsageError


def rank() -> int:
    """Return this process's number; 0 writes and speaks, and is the only one without a launcher."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return this process's number on its machine, which is its GPU's."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def shared_accumulation(accumulation: int) -> int:
    """Return how many batches each process adds up, so that a step sees the same rows however many share it.

    Raises:
        UsageError: They cannot be shared evenly.
    """
    if accumulation % processes():
        raise UsageError(
            f"accumulation={accumulation} cannot be shared by {processes()} processes: "
            "give a multiple of them (--set accumulation=N), or start fewer"
        )
    return accumulation // processes()
