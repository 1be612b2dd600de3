"""Several machines: Ray takes (level, shard of prompts) where there is room; replies come to one journal.

Nothing here imports Ray before a cluster is asked for: it comes with the extra ``cluster``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._address import check_address, stay_quiet
from ._shards import ROUNDS, split

if TYPE_CHECKING:
    from ._cluster import Cluster

__all__ = ["ROUNDS", "check_address", "join", "split"]


@contextmanager
def join(address: str, *, threads: int = 0, gpu_layers: int = 0) -> "Iterator[Cluster]":
    """Check the address, then join: see :func:`._connect.connect` for arguments and errors."""
    check_address(address)
    stay_quiet()
    from ._connect import connect  # noqa: PLC0415

    with connect(address, threads=threads, gpu_layers=gpu_layers) as cluster:
        yield cluster
