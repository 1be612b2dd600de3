"""A sign-off: a person's yes or no to one file on the evidence of one report, bound to the bytes of both."""

from datetime import datetime
from typing import Literal

from quant_triage.data import Record

from ._result import Decision, Result

SIGN_OFF_VERSION = 1


class SignedModel(Record):
    """The file that was approved or refused."""

    name: str
    level: str
    sha256: str


class ReviewedFlags(Record):
    """How many flags the signer had confirmed, dismissed and left open in the report's page."""

    confirmed: int
    dismissed: int
    open: int


class SignOff(Record):
    """The record that the report's page writes.

    Attributes:
        report_sha256: Hash of the bytes of ``report.json``.
        model: The selected file; ``None`` where no level was selected.
    """

    schema_version: Literal[1]
    report_sha256: str
    decision: Literal["selected", "none_safe", "not_enough_evidence"]
    policy: str
    model: SignedModel | None
    statement: Literal["approve", "refuse"]
    who: str
    role: str
    when: datetime
    note: str = ""
    flags: ReviewedFlags


def _selected(decision: Decision, result: Result) -> str | None:
    chosen = (
        model.sha256
        for model in result.models
        if model.name == decision.model and model.level == decision.level
    )
    return next(chosen, None)


def check_sign_off(record: SignOff, result: Result, report_sha256: str, shipped: dict[str, str]) -> list[str]:
    """Say in words where a sign-off does not fit; nothing when it holds.

    Args:
        record: The sign-off.
        result: What ``report.json`` says.
        report_sha256: Hash of its bytes.
        shipped: Hash of each GGUF in ``deploy/`` by name.
    """
    faults = []
    chosen = _selected(result.decision, result)
    signed = record.model and record.model.sha256
    pairs = (
        ("was given for report", record.report_sha256, report_sha256),
        ("names the decision", record.decision, result.decision.status),
        ("binds model", signed, chosen),
    )
    for what, said, found in pairs:
        if said != found:
            faults.append(f"it {what} {str(said)[:20]}, and here is {str(found)[:20]}")
    if record.statement == "approve" and chosen is None:
        faults.append("it approves a model where none was selected")
    for name, sha256 in shipped.items():
        if sha256 != signed:
            faults.append(f"deploy/{name} has the sha256 {sha256[:20]}, which was not signed")
    return faults
