"""What parent and child say to each other."""

from typing import Literal

from quant_triage.data import Record


class Request(Record):
    """Quantize ``source`` into ``target``; without a target, only find out each tensor's type (a dry run)."""

    source: str
    target: str | None
    ftype: int
    threads: int


class Event(Record):
    """A tensor was reached, or the request is done (status 0 is success)."""

    kind: Literal["tensor", "done"]
    done: int = 0
    total: int = 0
    status: int = 0
    log: str = ""
