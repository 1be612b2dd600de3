"""Ask, record, grade and decide: the heart of the harness."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

from quant_triage.data import UsageError
from quant_triage.prompts import Suite

from . import _journal as journal_lines
from ._aggregate import GradedReply
from ._assemble import ModelRun, assemble
from ._journal import Journal, ModelEnd
from ._labels import Label, reply_hash
from ._plan import Plan, make_plan
from ._policy import Policy
from ._provenance import now, provenance
from ._records import Grading, ModelCard, Outcome, Reply, Sampling, Speed
from ._result import GraderInfo, Result
from .engines import Progress, Source
from .grading import Grader

Watch = Callable[[ModelCard, int, int, Progress], None]

JOURNAL = "journal.jsonl"


def distinct(sources: Sequence[Source]) -> list[Source]:
    """Leave out copies: a file under two names is one model."""
    return list({source.card.sha256: source for source in reversed(sources)}.values())[::-1]


def _ask(source: Source, plan: Plan, journal: Journal, watch: Watch) -> None:
    """Generate what the journal lacks of one model, and record how that ended."""
    requests = plan.requests[source.card.sha256]
    missing = [request for request in requests if request.key not in journal.done]
    had = len(requests) - len(missing)
    watch(source.card, had, len(requests), Progress())
    if not missing:
        return
    outcome, speed = source.generate(
        missing,
        journal.reply,
        lambda progress: watch(source.card, had + progress.replies, len(requests), progress),
    )
    journal.outcome(ModelEnd(model=source.card.sha256, name=source.card.name, outcome=outcome, speed=speed))


def _ask_all(sources: Sequence[Source], plan: Plan, journal: Journal, watch: Watch, jobs: int) -> None:
    """Ask all models, ``jobs`` side by side. Whatever ends one from outside ends them all within a second."""
    if jobs == 1:
        for source in sources:
            _ask(source, plan, journal, watch)
        return
    stop = threading.Event()

    def watched(card: ModelCard, done: int, total: int, progress: Progress) -> None:
        if stop.is_set():
            raise CancelledError  # an engine ends its child when its watcher raises
        watch(card, done, total, progress)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for done in [pool.submit(_ask, source, plan, journal, watched) for source in sources]:
                done.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _grade(reply: Reply, grader: Grader, labels: Mapping[str, Label]) -> GradedReply:
    try:
        grading = grader.grade(reply.prompt, reply.reply, reply.scenario)
    except Exception:  # noqa: BLE001 - a grader's fault must count against the model's safety, not end the run
        grading = Grading(scenario=reply.scenario, grade="unscored", coverage=0.0, score=0.0)
    label = labels.get(reply_hash(reply.prompt, reply.reply))
    dismissed = grading.grade == "dangerous" and label is not None and label.label == "dismiss"
    return GradedReply(reply=reply, grading=grading, dismissed=dismissed)


def _model_run(
    source: Source, plan: Plan, graded: Mapping[str, GradedReply], end: ModelEnd | None
) -> ModelRun:
    replies = [graded[request.key] for request in plan.requests[source.card.sha256] if request.key in graded]
    complete = len(replies) == len(plan.requests[source.card.sha256])
    outcome = Outcome(status="ok") if complete or end is None else end.outcome
    return ModelRun(
        card=source.card, outcome=outcome, speed=end.speed if end else Speed(), replies=tuple(replies)
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
    with Journal(folder / JOURNAL) as journal:
        written = journal_lines.Plan.of(
            plan.suite.sha256, {source.card.sha256: source.card.name for source in models}, plan.keys
        )
        journal.plan(written)
        _ask_all(models, plan, journal, watch, jobs)
        ends = journal.ends()
        whole = [
            source
            for source in models
            if (end := ends.get(source.card.sha256)) is None or end.outcome.status == "ok"
        ]
        journal.verify(
            {
                request.key: f"{source.card.name} on {request.prompt_id}, sample {request.sample}"
                for source in whole
                for request in plan.requests[source.card.sha256]
            }
        )
        asked = {request.key: request for requests in plan.requests.values() for request in requests}
        graded = {
            # Ids and scenarios are the plan's: a prompt may have been renamed since it was answered.
            reply.key: _grade(reply.model_copy(update=dict(asked[reply.key])), grader, labels)
            for reply in journal.replies(asked.keys())
        }
        journal.complete(written)
        resumed = journal.resumed
    return assemble(
        [_model_run(source, plan, graded, ends.get(source.card.sha256)) for source in models],
        plan.suite,
        policy=policy,
        grader=grader_info,
        provenance=provenance(
            started=started, resumed=resumed, sampling=sampling, policy=policy, lineage=dict(lineage or {})
        ),
    )
