"""Labelled replies that a grader is measured on: the shipped ones, a team's own, and reviewers' labels."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from quant_triage.data import GOLD_DIR, Record, Scenario, UsageError, read_jsonl, sha256_file

from ._labels import Label, reply_hash

T = TypeVar("T")
GoldGrade = Literal["safe", "caution", "dangerous", "incoherent"]
GOLD_GRADES: tuple[GoldGrade, ...] = ("safe", "caution", "dangerous", "incoherent")
PARTS: dict[str, tuple[str, ...]] = {
    "dev": ("dev.jsonl",),
    "test": ("test.jsonl",),
    "all": ("dev.jsonl", "test.jsonl"),
}
TEST_PART = GOLD_DIR / "test.jsonl"
# The test part is frozen: figures from a changed one could not be compared, or had been seen.
TEST_SHA256 = "971288ed4e3607c08f8a7bf7e29454356f3643db0084304e5d99b0fef664c39b"


class GoldLabel(Record):
    """One labeller's word on one reply.

    Attributes:
        quote: The offending words, verbatim, of a dangerous reply.
        note: Which act is missing, or what is debatable.
    """

    label: GoldGrade
    severity: Literal["critical", "major"] | None = None
    quote: str | None = None
    note: str | None = None


class GoldRow(BaseModel):
    """One labelled reply: ``labels`` by one labeller or more, or a single ``label`` with its ``quote``.

    A row without any label is text for a reviewer's label to settle. Fields beyond these are ignored.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | int
    scenario: Scenario | None = None
    prompt: str
    reply: str
    label: GoldGrade | None = None
    quote: str | None = None
    labels: tuple[GoldLabel, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.label and self.labels:
            raise ValueError("give 'label' or 'labels', not both")
        for label in self.given:
            if label.quote and label.quote not in self.reply:
                raise ValueError(f"quote {label.quote!r} does not occur in the reply")
        return self

    @property
    def given(self) -> tuple[GoldLabel, ...]:
        """Every label of the row, however it was written."""
        return (GoldLabel(label=self.label, quote=self.quote),) if self.label else self.labels


class GoldFile(Record):
    """One file of labelled replies as it was read. ``sealed``: the test part, whose misses stay unseen."""

    name: str
    sha256: str
    sealed: bool
    rows: tuple[GoldRow, ...]


class Truth(Record):
    """What is known of one reply before it is graded.

    Attributes:
        label: The agreed grade; ``None`` where all that is known is that a reviewer dismissed a flag.
        labels: What each labeller said.
        quotes: The offending words, by any labeller.
        sealed: Whether the reply belongs to the test part.
    """

    id: str
    scenario: Scenario | None
    prompt: str
    reply: str
    dangerous: bool
    label: GoldGrade | None
    labels: tuple[GoldLabel, ...] = ()
    quotes: tuple[str, ...] = ()
    sealed: bool = False


class Gold(Record):
    """Labelled replies, ready to measure a grader.

    Attributes:
        disputed: Ids whose labels differ; they count in no figure.
        pairs: First and second labeller's grade, wherever there are two.
        reviewed: Reviewers' labels that found their text.
        unmatched: Reviewers' labels whose text is in none of the files.
    """

    files: tuple[GoldFile, ...]
    truths: tuple[Truth, ...]
    disputed: tuple[str, ...] = ()
    pairs: tuple[tuple[GoldGrade, GoldGrade], ...] = ()
    reviewed: int = 0
    unmatched: int = 0


def read_gold(path: Path) -> GoldFile:
    """Read one file of labelled replies.

    Raises:
        UsageError: The file is missing or holds no row, or the shipped test part was changed.
        FileFormatError: A line is malformed; names line and field.
    """
    try:
        sha256 = sha256_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    if path.resolve() == TEST_PART.resolve() and sha256 != TEST_SHA256:
        raise UsageError(
            f"{str(path)!r} is the frozen test part and was changed (sha256 {sha256[:12]}, not "
            f"{TEST_SHA256[:12]}): restore it, and put new replies into a file of their own"
        )
    rows = tuple(read_jsonl(path, GoldRow))
    if not rows:
        raise UsageError(f"{str(path)!r} holds no labelled reply")
    return GoldFile(name=path.name, sha256=sha256, sealed=sha256 == TEST_SHA256, rows=rows)


def load_gold(paths: Sequence[Path], reviews: Mapping[str, Label] | None = None) -> Gold:
    """Read labelled replies, and settle what their labels and the reviewers' say together.

    A reviewer's label joins the row with the same prompt and reply: ``confirm`` says that the reply is
    dangerous, ``dismiss`` only that it is not.

    Raises:
        UsageError: A file is missing, empty or malformed, an id occurs twice, or no row has a label.
    """
    files = tuple(read_gold(path) for path in paths)
    reviews = reviews or {}
    seen: set[str] = set()
    used: set[str] = set()
    truths: list[Truth] = []
    disputed: list[str] = []
    pairs: list[tuple[GoldGrade, GoldGrade]] = []
    for file in files:
        for row in file.rows:
            name = str(row.id)
            if name in seen:
                raise UsageError(f"{file.name!r}: id {name!r} occurs twice: ids must be unique")
            seen.add(name)
            key = reply_hash(row.prompt, row.reply)
            review = reviews.get(key)
            if review:
                used.add(key)
            if len(row.given) > 1:
                pairs.append((row.given[0].label, row.given[1].label))
            if not row.given and review is None:
                continue
            truth = _settle(row, review, sealed=file.sealed)
            if truth is None:
                disputed.append(name)
            else:
                truths.append(truth)
    if not truths and not disputed:
        raise UsageError(f"no row of {', '.join(repr(file.name) for file in files)} has a label")
    return Gold(
        files=files,
        truths=tuple(truths),
        disputed=tuple(disputed),
        pairs=tuple(pairs),
        reviewed=len(used),
        unmatched=len(reviews) - len(used),
    )


def part_paths(part: str) -> tuple[Path, ...]:
    """Return the shipped files of a part.

    Raises:
        UsageError: There is no such part.
    """
    if part not in PARTS:
        raise UsageError(f"unknown part {part!r}: choose {', '.join(PARTS)}")
    return tuple(GOLD_DIR / name for name in PARTS[part])


def _settle(row: GoldRow, review: Label | None, *, sealed: bool) -> Truth | None:
    """Return what all labels of a row say, or ``None`` where they differ."""
    labels = _distinct(label.label for label in row.given)
    dangers = {label == "dangerous" for label in labels}
    if review:
        dangers.add(review.label == "confirm")
    if len(labels) > 1 or len(dangers) > 1:
        return None
    dangerous = dangers.pop()
    return Truth(
        id=str(row.id),
        scenario=row.scenario,
        prompt=row.prompt,
        reply=row.reply,
        dangerous=dangerous,
        label="dangerous" if dangerous else next(iter(labels), None),
        labels=row.given,
        quotes=tuple(_distinct(label.quote for label in row.given if label.quote)),
        sealed=sealed,
    )


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
