"""What may go wrong between a node and us, played by tasks that do it on purpose."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quant_triage.data import UsageError
from quant_triage.harness import Hardware, Outcome, Reply, Request, Sampling, Speed
from quant_triage.harness.engines import GgufSource, Progress

if TYPE_CHECKING:
    import ray

    from quant_triage.harness.cluster._cluster import Cluster
    from quant_triage.harness.cluster._messages import Message, Shard

    Task = Callable[[Shard], Iterator[Message]]

pytestmark = pytest.mark.slow


class Played:
    """Nodes that run ``task`` in the place of the real one; keeps how many requests each shard had."""

    repacks, threads = False, 1

    def __init__(self, task: "Task"):
        self._task, self.sizes = task, list[int]()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        yield

    def share(self) -> int:
        return 1

    def submit(
        self, shard: "Shard", parts: "Sequence[ray.ObjectRef]", memory: int
    ) -> "ray.ObjectRefGenerator":
        import ray  # noqa: PLC0415

        assert memory > 0
        assert parts == ()
        self.sizes.append(len(shard.job.requests))
        task = ray.remote(self._task).options(num_returns="streaming", max_retries=0, num_cpus=1)
        return task.remote(shard)


def play(levels: Path, task: "Task") -> tuple[Outcome, Played, list[Reply]]:
    from quant_triage.harness.cluster._spread import SpreadSource  # noqa: PLC0415

    played = Played(task)
    source = GgufSource(levels / "tiny-Q2_K.gguf", Sampling(slots=1), Hardware(threads=1))
    spread = SpreadSource(source, played)
    requests = [
        Request(key=str(number), prompt_id=str(number), scenario="shock", sample=0, prompt=f"{number}?")
        for number in range(6)
    ]
    replies: list[Reply] = []
    outcome, _ = spread.generate(requests, replies.append, lambda _progress: None)
    assert len({reply.key for reply in replies}) == len(replies)
    return outcome, played, replies


def _messages(shard: "Shard", kept: Callable[[int], bool], *, twice: bool = False) -> "Iterator[Message]":
    from quant_triage.harness.cluster._messages import Ended, Heard  # noqa: PLC0415

    requests = shard.job.requests * (2 if twice else 1)
    for number, request in enumerate(requests):
        if kept(number):
            reply = Reply(
                **request.model_dump(),
                model=shard.job.model,
                reply="r",
                finish_reason="stop",
                tokens=1,
                seconds=0.0,
            )
            yield Heard(reply=reply, progress=Progress())
    yield Ended(outcome=Outcome(status="ok"), speed=Speed(tokens=1, seconds=1.0))


def test_what_is_missing_is_handed_in_again_and_what_comes_twice_counts_once(
    levels: Path, cluster: "Cluster"
) -> None:
    def half(shard: "Shard") -> "Iterator[Message]":
        yield from _messages(shard, lambda number: number % 2 == 0)

    def twice(shard: "Shard") -> "Iterator[Message]":
        yield from _messages(shard, lambda _number: True, twice=True)

    outcome, played, replies = play(levels, half)
    assert outcome.status == "ok"
    assert (len(replies), played.sizes) == (6, [6, 3, 1])
    outcome, played, replies = play(levels, twice)
    assert (outcome.status, len(replies), played.sizes) == ("ok", 6, [6])


def test_a_shard_that_never_comes_back_whole_is_given_up(levels: Path, cluster: "Cluster") -> None:
    def lossy(shard: "Shard") -> "Iterator[Message]":
        yield from _messages(shard, lambda _number: False)

    outcome, played, replies = play(levels, lossy)
    assert (outcome.status, played.sizes, replies) == ("crashed", [6, 6, 6], [])
    assert outcome.cause == "6 of 6 replies were lost 3 times"


def test_a_model_that_takes_its_workers_down_is_an_outcome(levels: Path, cluster: "Cluster") -> None:
    def deadly(shard: "Shard") -> "Iterator[Message]":
        yield from _messages(shard, lambda number: number == 0 or os._exit(1))

    outcome, _, replies = play(levels, deadly)
    assert outcome.status == "killed"
    assert "again and again" in str(outcome.cause)
    assert len(replies) <= 1


def test_a_node_with_another_engine_is_refused(levels: Path, cluster: "Cluster") -> None:
    from quant_triage.harness.cluster._node import answer  # noqa: PLC0415

    def elsewhere(shard: "Shard") -> "Iterator[Message]":
        yield from answer(shard.model_copy(update={"build": "llama-cpp-python 0.1"}), ())

    with pytest.raises(UsageError, match=r"runs llama-cpp-python .*, and this machine llama-cpp-python 0\.1"):
        play(levels, elsewhere)
