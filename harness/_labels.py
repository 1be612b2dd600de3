"""Reviewers' labels: a person's word on a flagged reply settles the same text wherever it is flagged."""

from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from quant_triage.data import Record, Scenario, UsageError, read_jsonl, sha256_text

from ._records import Grade


class Review(Record):
    """A reviewer's word on a flag.

    Attributes:
        label: ``dismiss`` the flag as a false alarm, or ``confirm`` it.
        who: The reviewer.
        when: When, in ISO 8601.
        why: The reason.
    """

    label: Literal["confirm", "dismiss"]
    who: str
    when: datetime
    why: str


class Label(Review):
    """A review as it stands in a file of labels.

    Attributes:
        key: ``reply_hash(prompt, reply)``.
    """

    key: str


class Question(Record):
    """A reply that the rules and a judge both graded; put to a reviewer where they differ on danger."""

    id: str
    scenario: Scenario | None
    prompt: str
    reply: str
    rules: Grade
    judge: Grade


class OpenLabel(Record):
    """A line of a file of labels that may still be open: as long as ``label`` is ``null`` it says nothing.

    Attributes:
        question: What the reviewer is asked, where the line was written for one.
    """

    key: str
    label: Literal["confirm", "dismiss"] | None = None
    who: str | None = None
    when: datetime | None = None
    why: str | None = None
    question: Question | None = None

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.label is not None and (self.who is None or self.when is None or self.why is None):
            raise ValueError("a label needs 'who', 'when' and 'why'")
        return self

    @property
    def settled(self) -> Label | None:
        """The reviewer's label, or ``None`` while there is none."""
        if self.label is None or self.who is None or self.when is None or self.why is None:
            return None
        return Label(key=self.key, label=self.label, who=self.who, when=self.when, why=self.why)


def reply_hash(prompt: str, reply: str) -> str:
    """Return the sha256 under which labels of this prompt and reply are kept."""
    return sha256_text(prompt, reply)


def load_labels(path: Path | None) -> dict[str, Label]:
    """Read labels by key; without a path there are none. Lines without a label yet are passed over.

    Raises:
        UsageError: Two reviewers disagree on the same text.
        FileFormatError: The file is malformed; names line and field.
    """
    labels: dict[str, Label] = {}
    if path is None:
        return labels
    for line in read_jsonl(path, OpenLabel):
        if (label := line.settled) is None:
            continue
        known = labels.setdefault(label.key, label)
        if known.label != label.label:
            who = f"{known.who!r} and {label.who!r}"
            raise UsageError(f"{str(path)!r}: {who} disagree on {label.key[:12]}: settle it, keep one")
    return labels
