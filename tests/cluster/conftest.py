"""Ray's own test cluster: several nodes of one machine, one core each, under a head that does no work."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from quant_triage.harness.cluster import join
from quant_triage.harness.engines import probe

from ..engines.conftest import write_levels

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster as RayNodes

    from quant_triage.harness.cluster._cluster import Cluster

NODE = {"num_cpus": 1, "memory": 2 << 30, "object_store_memory": 80 << 20}
MARK = "QUANT_TRIAGE_TESTED_BY"  # so that a second run of the tests beside this one is told apart
ENVIRONMENT = {
    MARK: str(os.getpid()),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",  # others may be using the two cores
    "RAY_enable_metrics_collection": "0",
    "RAY_health_check_period_ms": "1000",  # a dead node refuses at once; a slow one still has ten seconds
    "RAY_health_check_failure_threshold": "2",
}


@pytest.fixture(scope="session")
def levels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three levels of one tiny model."""
    return write_levels(tmp_path_factory.mktemp("levels"))


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RayNodes]":
    """A head and one node; tests may add some and take them away."""
    pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for this Python or system")
    from ray.cluster_utils import Cluster as RayNodes  # noqa: PLC0415

    probe()  # once here, so that the nodes find it remembered
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        found = RayNodes(
            initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False}
        )
        try:
            found.add_node(**NODE)
            yield found
        finally:
            found.shutdown()


@pytest.fixture(scope="session")
def cluster(nodes: "RayNodes") -> "Iterator[Cluster]":
    """A connection that all tests share, so that Ray's workers start once."""
    with join(nodes.address) as found:
        yield found


def make_nodes(nodes: "RayNodes", cluster: "Cluster", count: int) -> None:
    """Have just so many nodes, each with a worker that is ready."""
    from quant_triage.harness.cluster._cluster import living_nodes  # noqa: PLC0415
    from quant_triage.harness.cluster._connect import survey_nodes  # noqa: PLC0415

    while len(nodes.worker_nodes) > count:
        nodes.remove_node(next(iter(nodes.worker_nodes)))
    while len(nodes.worker_nodes) < count:
        nodes.add_node(**NODE)
    wait_for(lambda: cluster.lanes == count)
    survey_nodes(nodes.address, [node for node in living_nodes() if node.cpus])


def have_nodes(nodes: "RayNodes", cluster: "Cluster", least: int) -> None:
    """Have so many nodes or more: taking some away costs seconds each."""
    make_nodes(nodes, cluster, max(least, len(nodes.worker_nodes)))


def wait_for(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children() -> int:
    """Count the engine's child processes of this run of the tests, on whatever node."""
    found = psutil.process_iter(["cmdline", "environ"])
    return sum(_is_ours(process.info["cmdline"] or [], process.info["environ"] or {}) for process in found)


def _is_ours(line: list[str], environment: dict[str, str]) -> bool:
    child = line[:1] == [sys.executable] and line[-1:] == ["_child"]
    return child and environment.get(MARK) == ENVIRONMENT[MARK]
