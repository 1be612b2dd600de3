"""What the machine that decides and the nodes say to each other."""

from quant_triage.data import Record

from .._records import Outcome, Reply, Speed
from ..engines import Job, Progress, TimeLimits


class Facts(Record):
    """What a node is, as far as replies depend on it.

    Attributes:
        name: Its address.
        version: Of quant-triage.
        build: The engine as ``engine_build`` names it where weights may be repacked.
        repacks: Whether they may, by the probe.
        cores: Cores that it lets us use.
        processor: Model and instruction sets.
    """

    name: str
    version: str
    build: str
    repacks: bool
    cores: int
    processor: str


class Shard(Record):
    """One piece of work: some requests of one model.

    Attributes:
        job: For the child process.
        bytes: Size of the model's file.
        build: The engine that the replies' keys name.
        limits: When the model counts as hung.
    """

    job: Job
    bytes: int
    build: str
    limits: TimeLimits


class Heard(Record):
    """One reply, and how far the shard is.

    One to a message: when a node is lost, Ray passes over as many of its successor's messages as were already
    heard, so they must be cut in the same places.
    """

    reply: Reply
    progress: Progress


class Ended(Record):
    """A shard's last word."""

    outcome: Outcome
    speed: Speed


class Lacking(Record):
    """The node has no file with the model's hash: hand the work in again, with the model."""


class Unfit(Record):
    """The node would give other replies than those that the keys name."""

    why: str


Message = Heard | Ended | Lacking | Unfit
