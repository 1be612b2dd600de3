"""Reviewers' labels: a person's word on a flagged reply settles the same text wherever it is flagged."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from quant_triage.data import Record, UsageError, read_jsonl, sha256_text


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


def reply_hash(prompt: str, reply: str) -> str:
    """Return the sha256 under which labels of this prompt and reply are kept."""
    return sha256_text(prompt, reply)


def load_labels(path: Path | None) -> dict[str, Label]:
    """Read labels by key; without a path there are none.

    Raises:
        UsageError: Two reviewers disagree on the same text.
        FileFormatError: The file is malformed; names line and field.
    """
    labels: dict[str, Label] = {}
    if path is None:
        return labels
    for label in read_jsonl(path, Label):
        known = labels.setdefault(label.key, label)
        if known.label != label.label:
            who = f"{known.who!r} and {label.who!r}"
            raise UsageError(f"{str(path)!r}: {who} disagree on {label.key[:12]}: settle it, keep one")
    return labels
