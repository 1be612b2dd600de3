"""Join a cluster: every node is asked what it is before anything is handed to it."""

import contextlib
import importlib.metadata
import logging
from collections.abc import Iterator, Sequence

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from quant_triage.data import UsageError

from ..engines import engine_build, probe
from ._cluster import Cluster, Lane, Node, living_nodes
from ._messages import Facts
from ._node import survey

_LOG = logging.getLogger(__name__)
_SURVEY_SECONDS = 300.0


@contextlib.contextmanager
def connect(address: str, *, threads: int = 0, gpu_layers: int = 0) -> Iterator[Cluster]:
    """Join a cluster for as long as the context lasts; on leaving it, what still runs there for us is ended.

    Args:
        address: As ``check_address`` takes it; this machine must be one of the cluster's nodes.
        threads: For one shard; 0 takes all cores of the smallest node, so that one shard fills it.
        gpu_layers: When not 0 and there are GPUs, each shard takes one.

    Raises:
        UsageError: It cannot be joined, or its nodes cannot do the work.
    """
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise UsageError(
            f"--cluster {address!r}: cannot join it ({_first_line(error)}): run on one of its nodes,"
            " with the same version of Ray"
        ) from error
    try:
        nodes = living_nodes()
        gpus = int(gpu_layers != 0 and any(node.gpus for node in nodes))
        workers = [node for node in nodes if node.cpus and node.gpus >= gpus]
        if not workers:
            raise UsageError(
                f"--cluster {address!r}: none of its {len(nodes)} nodes offers a core to work on"
            )
        facts = survey_nodes(address, workers)
        cpus = threads or min(max(1, node.cpus // node.gpus) if gpus else node.cpus for node in workers)
        if (most := max(node.cpus for node in workers)) < cpus:
            raise UsageError(f"--threads {threads}: no node of the cluster has so many cores, at most {most}")
        lane = Lane(threads or min(cpus, *(fact.cores for fact in facts)), cpus, gpus)
        yield Cluster(lane, repacks=probe().use_extra_bufts and all(fact.repacks for fact in facts))
    finally:
        ray.shutdown()


def survey_nodes(address: str, nodes: Sequence[Node]) -> list[Facts]:
    """Ask every node what it is, and hold it against this machine.

    Raises:
        UsageError: One has another quant-triage or another engine, or none answers.
    """
    task = ray.remote(survey).options
    on = NodeAffinitySchedulingStrategy
    asked = [task(num_cpus=0, scheduling_strategy=on(node.id, soft=False)).remote() for node in nodes]
    ours, build = importlib.metadata.version("quant-triage"), engine_build(use_extra_bufts=True)
    facts: list[Facts] = []
    lost = ""
    for reference in asked:
        try:
            fact = ray.get(reference, timeout=_SURVEY_SECONDS)
        except RayTaskError as error:
            why = str(error).strip().splitlines()[-1]
            raise UsageError(
                f"--cluster {address!r}: a node cannot work ({why}): install quant-triage[cluster]"
                f" {ours} there"
            ) from error
        except (RayError, GetTimeoutError) as error:  # it may have gone just now
            lost = _first_line(error)
            continue
        if (fact.version, fact.build) != (ours, build):
            raise UsageError(
                f"--cluster {address!r}: {fact.name} has quant-triage {fact.version} and {fact.build}, this"
                f" machine {ours} and {build}: install the same everywhere"
            )
        facts.append(fact)
    if not facts:
        raise UsageError(f"--cluster {address!r}: none of its nodes answers: {lost}")
    if len({fact.processor for fact in facts}) > 1:
        _LOG.warning("the nodes' processors differ: so may single replies, by rounding")
    return facts


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
