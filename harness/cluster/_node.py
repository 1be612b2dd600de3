"""What runs on a node, in a worker process of Ray's. The model itself runs in a child of that, as ever."""

import importlib.metadata
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import ray

from quant_triage.data import usable_cores

from .._records import Reply
from ..engines import EnoughError, Progress, engine_build, probe, processor, run_child
from ._messages import Ended, Facts, Heard, Lacking, Message, Shard, Unfit
from ._travel import find_model

_BEAT_SECONDS = 0.2


def survey() -> Facts:
    """Tell what this node is."""
    return Facts(
        name=socket.gethostname(),
        version=importlib.metadata.version("quant-triage"),
        build=engine_build(use_extra_bufts=True),
        repacks=probe().use_extra_bufts,
        cores=usable_cores(),
        processor=processor(),
    )


def _misfit(shard: Shard) -> str | None:
    repacks = shard.job.use_extra_bufts
    here = engine_build(use_extra_bufts=repacks)
    if here != shard.build:
        return f"{socket.gethostname()} runs {here}, and this machine {shard.build}"
    if repacks and not probe().use_extra_bufts:
        return f"{socket.gethostname()} joined later and cannot repack weights, as the nodes before it do"
    return None


def answer(shard: Shard, parts: Sequence[ray.ObjectRef]) -> Iterator[Message]:
    """Answer a shard's requests; replies are handed over as they come.

    When this generator is closed or interrupted, as Ray does to cancel it, the child is ended.
    """
    if why := _misfit(shard):
        yield Unfit(why=why)
        return
    job = shard.job
    path = find_model(Path(job.path), job.model, shard.bytes, parts)
    if path is None:
        yield Lacking()
        return
    job = job.model_copy(update={"path": str(path)})
    heard: deque[Reply] = deque()
    latest = Progress()
    stop = threading.Event()

    def tick(progress: Progress) -> None:
        nonlocal latest
        latest = progress
        if stop.is_set():
            raise EnoughError

    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            ended = pool.submit(run_child, job, heard.append, tick, shard.limits)
            while not ended.done():
                wait([ended], timeout=_BEAT_SECONDS)
                while heard:
                    yield Heard(reply=heard.popleft(), progress=latest)
            outcome, speed = ended.result()
            while heard:
                yield Heard(reply=heard.popleft(), progress=latest)
            yield Ended(outcome=outcome, speed=speed)
        finally:
            stop.set()
