"""Ask, record, grade and decide: the heart of the harness."""

import contextlib
import threading
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from quant_triage.data import UsageError
from quant_triage.prompts import Suite

from . import _journal as journal_lines
from . import _live as live
from ._aggregate import GradedReply
from ._assemble import ModelRun, assemble
from ._curtail import Stop, Watchman
from ._graded import grade_reply
from ._journal import Journal, ModelEnd
from ._labels import Label
from ._plan import Plan, asking_order, make_plan
from ._policy import Policy
from ._provenance import now, provenance
from ._records import ModelCard, Outcome, Reply, Request, Sampling, Speed
from ._result import GraderInfo, Result
from ._room import Room
from ._spool import Spool, View
from .engines import EnoughError, Progress, Source
from .grading import Grader


class Watch(Protocol):
    """Hears how far each model is: replies done and planned, the engine's meters, what was seen so far."""

    def __call__(self, card: ModelCard, done: int, total: int, progress: Progress, note: str = "") -> None:
        """Show it; whatever is raised here ends the run."""
        ...


JOURNAL = "journal.jsonl"


def distinct(sources: Sequence[Source]) -> list[Source]:
    """Leave out copies: a file under two names is one model."""
    return list({source.card.sha256: source for source in reversed(sources)}.values())[::-1]


def _those(requests: Sequence[Request], wanted: Callable[[Request], bool]) -> Sequence[Request]:
    places = array("L", (place for place, request in enumerate(requests) if wanted(request)))
    return View(places, requests.__getitem__)


def _ask(source: Source, plan: Plan, journal: Journal, watch: Watch, watchman: Watchman) -> None:
    """Generate what the journal lacks of one model, until the watchman has heard enough; record the end."""
    requests = plan.requests[source.card.sha256]
    missing = _those(requests, lambda request: request.key not in journal.done)
    had = len(requests) - len(missing)
    watch(source.card, had, len(requests), Progress())
    if not missing:
        return
    meters = Progress()

    def hear(reply: Reply) -> None:
        journal.reply(reply)
        watchman.hear(reply)

    def tick(progress: Progress) -> None:
        nonlocal meters
        meters = progress.model_copy(update={"said": ""})  # told once, here
        watch(source.card, had + progress.replies, len(requests), progress, watchman.note)
        watchman.tick()

    with contextlib.suppress(EnoughError):
        watchman.recall(journal.find(request.key for request in requests))
        outcome, speed = source.generate(asking_order(missing, plan.seed), hear, tick)
        journal.outcome(
            ModelEnd(model=source.card.sha256, name=source.card.name, outcome=outcome, speed=speed)
        )
    if watchman.stop is not None:
        done = sum(request.key in journal.done for request in requests)
        watch(source.card, done, done, meters, watchman.stop.why)


def _ask_all(
    sources: Sequence[Source],
    plan: Plan,
    journal: Journal,
    watch: Watch,
    watchmen: Mapping[str, Watchman],
    *,
    jobs: int,
) -> None:
    """Ask all models, ``jobs`` side by side or as many of them as the memory holds.

    Whatever ends one from outside ends them all within a second.
    """
    if jobs == 1:
        for source in sources:
            _ask(source, plan, journal, watch, watchmen[source.card.sha256])
        return
    stop = threading.Event()

    def watched(card: ModelCard, done: int, total: int, progress: Progress, note: str = "") -> None:
        if stop.is_set():
            raise CancelledError  # an engine ends its child when its watcher raises
        watch(card, done, total, progress, note)

    room = Room()

    def ask(source: Source) -> None:
        total = len(plan.requests[source.card.sha256])

        def waiting() -> None:
            watched(source.card, 0, total, Progress(), "waiting for memory")

        with room.take(source.memory, waiting):
            _ask(source, plan, journal, watched, watchmen[source.card.sha256])

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for done in [pool.submit(ask, source) for source in sources]:
                done.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _grade_all(
    requests: Sequence[Request], journal: Journal, grader: Grader, labels: Mapping[str, Label]
) -> Spool[GradedReply]:
    """Grade one model's replies in the plan's order, out of one file into another."""
    asked = _those(requests, lambda request: request.key in journal.done)
    graded = Spool(GradedReply, journal.path.parent)
    for request, reply in zip(asked, journal.find(request.key for request in asked), strict=True):
        # Ids and scenarios are the plan's: a prompt may have been renamed since it was answered.
        graded.append(grade_reply(reply.model_copy(update=dict(request)), grader, labels))
    return graded


def _model_run(
    source: Source,
    plan: Plan,
    replies: Sequence[GradedReply],
    end: ModelEnd | None,
    stop: Stop | None,
) -> ModelRun:
    complete = stop is not None or len(replies) == len(plan.requests[source.card.sha256])
    outcome = Outcome(status="ok") if complete or end is None else end.outcome
    return ModelRun(
        card=source.card,
        outcome=outcome,
        speed=end.speed if end else Speed(),
        replies=replies,
        stop=stop,
    )


def evaluate(
    sources: Sequence[Source],
    suite: Suite,
    folder: Path,
    *,
    policy: Policy,
    grader: Grader,
    grader_info: GraderInfo,
    sampling: Sampling,
    labels: Mapping[str, Label],
    watch: Watch,
    jobs: int = 1,
    lineage: Mapping[str, str] | None = None,
    curtail: bool = False,
    seconds: float | None = None,
    least: int = 0,
) -> Result:
    """Ask every model what is still missing in the journal, grade all replies, and decide.

    Args:
        sources: The models; copies of one file count once.
        suite: Where the policy draws its prompts from.
        folder: Gets ``journal.jsonl``.
        policy: Which prompts, how often, and the limits.
        grader: Grades every reply; one that fails leaves the reply ``unscored``, which counts as dangerous.
        grader_info: What the report says of the grader.
        sampling: How replies are sampled; part of their identity.
        labels: Reviewers' labels by key.
        watch: Called with model, replies done, replies planned and the engine's meters.
        jobs: Models run side by side.
        lineage: Hashes of what the models were made from.
        curtail: Whether a model stops once no reply to come could save it.
        seconds: When to stop in any case, from now.
        least: Prompts below which no model is called safe.

    Raises:
        UsageError: Nothing to ask, or questions and models do not fit together.
        IntegrityError: The journal contradicts the plan.
        NotEnoughSpaceError: The disk is full; what was recorded stays.
    """
    started = now()
    models = distinct(sources)
    if not models:
        raise UsageError("no model to evaluate: name a GGUF, a folder of them, or a recorded .jsonl")
    plan = make_plan(models, suite, policy)
    deadline = None if seconds is None else time.monotonic() + seconds
    if curtail:
        # A scenario's first reply takes the grader longest; a model must not run ahead meanwhile.
        for scenario in plan.suite.scenarios:
            grader.grade("", "", scenario)
    sensitivity = grader_info.sensitivity
    watchmen = {
        source.card.sha256: Watchman(
            source.card,
            plan.requests[source.card.sha256],
            plan.suite.prompts,
            policy,
            lambda reply: grade_reply(reply, grader, labels),
            sensitivity=sensitivity,
            curtail=curtail,
            deadline=deadline,
        )
        for source in models
    }
    with Journal(folder / JOURNAL) as journal:
        written = journal_lines.Plan.of(
            plan.suite.sha256, {source.card.sha256: source.card.name for source in models}, plan.keys
        )
        journal.plan(written)
        live.begin(
            folder,
            plan,
            tuple(source.card for source in models),
            policy=policy,
            grader=grader_info,
            labels=labels,
            provenance=provenance(
                started=started,
                resumed=journal.resumed,
                sampling=sampling,
                policy=policy,
                lineage=dict(lineage or {}),
            ),
        )
        _ask_all(models, plan, journal, watch, watchmen, jobs=jobs)
        stops = {sha256: watchman.stop for sha256, watchman in watchmen.items() if watchman.stop}
        ends = journal.ends()
        whole = [
            source
            for source in models
            if (end := ends.get(source.card.sha256)) is None or end.outcome.status == "ok"
        ]
        journal.verify(
            (request.key, f"{source.card.name} on {request.prompt_id}, sample {request.sample}")
            for source in whole
            for request in plan.requests[source.card.sha256]
            if source.card.sha256 not in stops or request.key in journal.done
        )
        stopped_at = {
            sha256: sum(request.key in journal.done for request in plan.requests[sha256]) for sha256 in stops
        }
        journal.stopped(written.model_copy(update={"stopped_at": stopped_at}))
        graded = {
            source.card.sha256: _grade_all(plan.requests[source.card.sha256], journal, grader, labels)
            for source in models
        }
        journal.complete(written)
        live.end(folder)
        resumed = journal.resumed
    return assemble(
        [
            _model_run(
                source,
                plan,
                graded[source.card.sha256],
                ends.get(source.card.sha256),
                stops.get(source.card.sha256),
            )
            for source in models
        ],
        plan.suite,
        policy=policy,
        grader=grader_info,
        provenance=provenance(
            started=started, resumed=resumed, sampling=sampling, policy=policy, lineage=dict(lineage or {})
        ),
        least=least,
    )
