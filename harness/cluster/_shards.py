"""How a level's requests are cut into shards: by their number and the slots alone, never by the nodes."""

from collections.abc import Sequence
from itertools import pairwise

from .._records import Request

ROUNDS = 8
"""A shard fills all slots so many times, at most.

Long enough that loading the model and the half-empty batches at the end are a small part of the work, and
that the 72 prompts of ``screen`` in 16 slots stay one shard: a level is then decoded in the very batches of
one machine.
"""


def split(requests: Sequence[Request], slots: int) -> list[tuple[Request, ...]]:
    """Cut requests into as few shards as ``ROUNDS`` allows, of nearly equal size, in the order given."""
    count = -(-len(requests) // (ROUNDS * slots))
    bounds = [len(requests) * number // count for number in range(count + 1)] if count else []
    return [tuple(requests[begin:end]) for begin, end in pairwise(bounds)]
