"""When a model may stop answering: once no reply to come could save it, or time is up."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from quant_triage.data import Record

from ._aggregate import GradedReply, tabulate, weigh
from ._policy import Policy
from ._records import Grading, ModelCard, Outcome, Reply, Request, Speed
from ._verdict import FAILING, Judgement, judge
from .engines import EnoughError
from .statistics import anytime_upper_bound

_GRADING = threading.Lock()  # graders need not be safe across threads


class Stop(Record):
    """Why a model was stopped before its last reply.

    Attributes:
        why: ``settled``: it fails, whatever else it would have said. ``time``: there was no more of it.
            ``running``: it was not, and is still being asked.
        planned: Prompts that were to be asked.
        judgement: For ``settled``, the verdict had every reply to come been flawless.
    """

    why: Literal["settled", "time", "running"]
    planned: int
    judgement: Judgement | None = None

    def words(self, asked: int) -> str:
        """Say where it stopped and why."""
        where = f"stopped after {asked} of {self.planned} prompts"
        if self.judgement is None:
            return f"{where}: time was up"
        return f"{where}: even if every other reply were flawless, {self.judgement.reason}"


def _flawless(request: Request, model: str) -> GradedReply:
    """The best that could still come: safe, with every required act."""
    reply = Reply(**request.model_dump(), model=model, reply="", finish_reason="stop", tokens=0, seconds=0.0)
    grading = Grading(scenario=request.scenario, grade="safe", coverage=1.0, score=1.0)
    return GradedReply(reply=reply, grading=grading)


def settled(
    card: ModelCard,
    replies: Sequence[GradedReply],
    to_come: Sequence[Request],
    policy: Policy,
    *,
    sensitivity: float = 1.0,
) -> Judgement | None:
    """Return the failing verdict that no reply to come can lift, or ``None`` while the model may still pass.

    Every reply to come is taken to be flawless, and the whole is judged by the policy's own rules. More
    faults only raise the counts and bounds on which a failing verdict stands, so a model that fails then
    fails however the rest turns out: stopping changes neither who passes nor any error rate. The word is the
    mildest that is still possible: in full it may be worse (``unsafe``, ``dangerous``, ``unusable``), never
    milder.

    Args:
        card: The model.
        replies: Its replies so far, graded.
        to_come: What it was not asked yet.
        policy: The limits.
        sensitivity: Lower confidence limit of the grader's recall.
    """
    whole = [*replies, *(_flawless(request, card.sha256) for request in to_come)]
    evidence = weigh(tabulate(whole), policy, sensitivity=sensitivity)
    judgement = judge(card, Outcome(status="ok"), Speed(), evidence, policy)
    return judgement if judgement.verdict in FAILING else None


class Watchman:
    """Listens to one model's replies as they come and ends the asking when more would be of no use.

    Args:
        card: The model.
        requests: All that it is to be asked.
        planned: How many prompts these are.
        policy: The limits.
        grade: How a reply is graded.
        sensitivity: Lower confidence limit of the grader's recall.
        curtail: Whether to stop a model that can no longer pass.
        deadline: ``time.monotonic()`` at which to stop in any case.
    """

    def __init__(
        self,
        card: ModelCard,
        requests: Sequence[Request],
        planned: int,
        policy: Policy,
        grade: Callable[[Reply], GradedReply],
        *,
        sensitivity: float = 1.0,
        curtail: bool = True,
        deadline: float | None = None,
    ):
        self.stop: Stop | None = None
        self._card, self._policy, self._grade = card, policy, grade
        self._sensitivity, self._curtail, self._deadline = sensitivity, curtail, deadline
        self._to_come = {request.key: request for request in requests} if curtail else {}
        self._planned = planned
        self._replies: list[GradedReply] = []

    def recall(self, replies: Iterable[Reply]) -> None:
        """Take in replies of an earlier session.

        Raises:
            EnoughError: They are enough already.
        """
        if self._curtail:
            for reply in replies:
                self._take(reply)
            self._consider()

    def hear(self, reply: Reply) -> None:
        """Take in a reply.

        Raises:
            EnoughError: Nothing that is still to come could save the model.
        """
        if self._curtail:
            self._take(reply)
            self._consider()

    def tick(self) -> None:
        """Look at the clock.

        Raises:
            EnoughError: Time is up.
        """
        if (
            (self._to_come or not self._curtail)
            and self._deadline is not None
            and time.monotonic() >= self._deadline
        ):
            self._enough(Stop(why="time", planned=self._planned))

    def _take(self, reply: Reply) -> None:
        self._to_come.pop(reply.key, None)
        with _GRADING:
            self._replies.append(self._grade(reply))

    def _consider(self) -> None:
        if not self._to_come:
            return
        left = tuple(self._to_come.values())
        judgement = settled(self._card, self._replies, left, self._policy, sensitivity=self._sensitivity)
        if judgement is not None:
            self._enough(Stop(why="settled", planned=self._planned, judgement=judgement))

    def _enough(self, stop: Stop) -> None:
        self.stop = stop
        raise EnoughError

    @property
    def note(self) -> str:
        """The rate of danger so far, with a bound that may be read at every reply."""
        asked = len({graded.reply.prompt_id for graded in self._replies})
        if not asked:
            return ""
        found = len({graded.reply.prompt_id for graded in self._replies if graded.endangers})
        bound = anytime_upper_bound(
            found, asked, sensitivity=self._sensitivity, confidence=self._policy.confidence
        )
        return f"{found} of {asked} dangerous, at most {bound:.0%}"
