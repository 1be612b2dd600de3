"""What parent and child say to each other: one job in, then events, each one line of JSON."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from quant_triage.data import Record

from .._records import Hardware, Reply, Request, Sampling


class Job(Record):
    """Everything that the child needs. ``hardware.threads`` is resolved, ``model`` is the card's sha256."""

    engine: Literal["llama", "transformers"] = "llama"
    path: str
    adapter: str | None = None
    model: str
    sampling: Sampling
    hardware: Hardware
    use_extra_bufts: bool = False
    grammar: str | None = None
    requests: tuple[Request, ...]


class Loaded(Record):
    """The model is in memory; ``seconds`` since the child began to load it."""

    event: Literal["loaded"] = "loaded"
    seconds: float


class Beat(Record):
    """A sign of life with the meters: tokens made and read, seconds of decoding, peak resident bytes."""

    event: Literal["beat"] = "beat"
    tokens: int
    prompt_tokens: int
    seconds: float
    first_token: float | None
    peak_rss: int | None


class Said(Record):
    """What the reply to a job's only request has gained."""

    event: Literal["said"] = "said"
    text: str


class Answered(Record):
    """One reply is complete."""

    event: Literal["answered"] = "answered"
    reply: Reply


class Ended(Record):
    """The child's last word."""

    event: Literal["ended"] = "ended"
    status: Literal["ok", "not_loaded", "crashed", "nan"]
    cause: str | None = None


Event = Loaded | Beat | Said | Answered | Ended
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])
