"""A run in progress, told from its folder: what was planned, and the replies so far, graded as they come."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from quant_triage.data import FileFormatError, Record, UsageError, atomic_path

from ._aggregate import GradedReply
from ._assemble import ModelRun, assemble
from ._curtail import Stop
from ._graded import grade_reply
from ._journal import ModelEnd, read_journal
from ._labels import Label
from ._plan import Plan
from ._policy import Policy
from ._records import ModelCard, Outcome, Reply, Request, Speed
from ._result import GraderInfo, Provenance, Result, SuiteInfo
from .grading import Grader

UNDERWAY = "underway.json"


class Underway(Record):
    """What a run sets out to do; lies in its folder from the first question to the last answer.

    Attributes:
        keys: For each model, by sha256, the keys of its planned replies in their order.
    """

    suite: SuiteInfo
    models: tuple[ModelCard, ...]
    keys: dict[str, tuple[str, ...]]
    policy: Policy
    grader: GraderInfo
    labels: dict[str, Label]
    provenance: Provenance

    @property
    def planned(self) -> int:
        """Replies that are to come in all."""
        return sum(map(len, self.keys.values()))


def begin(
    folder: Path,
    plan: Plan,
    models: tuple[ModelCard, ...],
    *,
    policy: Policy,
    grader: GraderInfo,
    labels: Mapping[str, Label],
    provenance: Provenance,
) -> None:
    """Write down that a run is under way."""
    underway = Underway(
        suite=plan.suite, models=models, keys={}, policy=policy, grader=grader, labels=dict(labels),
        provenance=provenance,
    )  # fmt: skip
    with atomic_path(folder / UNDERWAY) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_pieces(underway, plan.requests))


def _pieces(underway: Underway, requests: Mapping[str, Sequence[Request]]) -> Iterator[str]:
    """The record as JSON, with the keys of all requests in place of none."""
    before, after = underway.model_dump_json().split('"keys":{}')  # within a string the quotes are escaped
    yield f'{before}"keys":{{'
    for place, (sha256, asked) in enumerate(requests.items()):
        yield f'{"," if place else ""}"{sha256}":['
        for number, request in enumerate(asked):
            yield f'{"," if number else ""}"{request.key}"'
        yield "]"
    yield f"}}{after}"


def end(folder: Path) -> None:
    """Write down that it is not any more."""
    (folder / UNDERWAY).unlink(missing_ok=True)


class Snapshot(NamedTuple):
    """A run at one moment: replies that are in, replies planned, and what they show so far."""

    done: int
    planned: int
    result: Result


class Live:
    """Reads a run's folder again and again; every reply is graded once.

    Args:
        folder: Folder of the run.
        journal: Its journal.
        grader: Must be of the version that the run uses.
    """

    def __init__(self, folder: Path, journal: Path, grader: Grader):
        self._file, self._journal, self._grader = folder / UNDERWAY, journal, grader
        self._graded: dict[str, GradedReply] = {}

    def underway(self) -> Underway | None:
        """Return what is being done, or ``None`` when nothing is.

        Raises:
            FileFormatError: The record is not one of ours.
            UsageError: The run grades by other rules than ours.
        """
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            underway = Underway.model_validate_json(text)
        except ValueError as error:
            raise FileFormatError(self._file, "is not the record of a run in progress") from error
        if underway.grader.version != self._grader.version:
            raise UsageError(
                f"the run grades by version {underway.grader.version!r} and this by "
                f"{self._grader.version!r}: name the same --rubrics"
            )
        return underway

    def look(self, underway: Underway) -> Snapshot:
        """Grade what is new and tell how things stand.

        Bounds are those that hold whenever one looks; no model is called safe before its last reply.
        """
        planned = {key for keys in underway.keys.values() for key in keys}
        ends: dict[str, ModelEnd] = {}
        if self._journal.exists():
            for reply in read_journal(self._journal, Reply):
                if reply.key in planned and reply.key not in self._graded:
                    self._graded[reply.key] = grade_reply(reply, self._grader, underway.labels)
            ends = {one.model: one for one in read_journal(self._journal, ModelEnd)}
        runs = [self._run(card, underway, ends.get(card.sha256)) for card in underway.models]
        result = assemble(
            runs,
            underway.suite,
            policy=underway.policy,
            grader=underway.grader,
            provenance=underway.provenance,
            least=underway.suite.prompts,
        )
        return Snapshot(len(planned & self._graded.keys()), len(planned), result)

    def _run(self, card: ModelCard, underway: Underway, ended: ModelEnd | None) -> ModelRun:
        keys = underway.keys[card.sha256]
        replies = tuple(self._graded[key] for key in keys if key in self._graded)
        running = len(replies) < len(keys) and (ended is None or ended.outcome.status == "ok")
        return ModelRun(
            card=card,
            outcome=Outcome(status="ok") if ended is None else ended.outcome,
            speed=Speed() if ended is None else ended.speed,
            replies=replies,
            stop=Stop(why="running", planned=underway.suite.prompts) if running else None,
        )
