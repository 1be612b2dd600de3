"""What parent and child say to each other: one request in, events out, one JSON object a line."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from quant_triage.data import Record

Metadata = dict[str, int | str]


class PlanRequest(Record):
    """Find out each tensor's type at a level, without writing anything (llama.cpp's dry run).

    ``pins`` maps tensor names to types that the level's own choice gives way to.
    """

    kind: Literal["plan"] = "plan"
    source: str
    ftype: int
    imatrix: str | None = None
    pins: dict[str, str] = {}


class Target(Record):
    """One file to write: tensor types in the order of the file, and metadata beyond the source's."""

    path: str
    ftype: int
    types: dict[str, str]
    extra: Metadata = {}


class PassRequest(Record):
    """Read the source once and write every target; ``start`` tensors are there already.

    Every ``save_seconds`` the child makes sure that what is done is on the disk, and says so.
    """

    kind: Literal["pass"] = "pass"
    source: str
    targets: tuple[Target, ...]
    imatrix: str | None = None
    threads: int
    start: int = 0
    save_seconds: float = 20.0


class ImatrixRequest(Record):
    """Collect an importance matrix on the text of a file; ``special`` says that it holds control tokens."""

    kind: Literal["imatrix"] = "imatrix"
    source: str
    text: str
    target: str
    dataset: str
    special: bool
    chunk: int
    threads: int


class ImatrixResult(Record):
    """How many chunks there were, and the weights that the model never uses."""

    chunks: int
    unused: tuple[str, ...]


class DivergeRequest(Record):
    """Run the same tokens through a reference and through models.

    ``targets`` names for each model the file that takes what differs at each token. ``documents`` names a
    JSON file of pairs of texts, what stands before and what is scored; or, with ``raw``, one text is cut
    into chunks of ``context`` tokens, of which the second half is scored.
    """

    kind: Literal["diverge"] = "diverge"
    reference: str
    targets: dict[str, str]
    documents: str
    raw: bool
    context: int
    threads: int


class MarginRequest(Record):
    """Tell how much likelier a model finds safe words than dangerous ones; ``pairs`` names a JSON file.

    Each of its rows holds what stands before, the safe words and the dangerous ones.
    """

    kind: Literal["margin"] = "margin"
    model: str
    pairs: str
    context: int
    threads: int


class ParityRequest(Record):
    """Hold a model against logits; ``documents`` names a JSON file of them (see ``ExpectedLogits``)."""

    kind: Literal["parity"] = "parity"
    model: str
    documents: str
    context: int
    threads: int


class StockRequest(Record):
    """Let llama.cpp write one level all by itself, to be measured beside; the result is its seconds."""

    kind: Literal["stock"] = "stock"
    source: str
    target: str
    ftype: int
    threads: int


Request = (
    PlanRequest | PassRequest | ImatrixRequest | DivergeRequest | MarginRequest | ParityRequest | StockRequest
)
REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


class Event(Record):
    """How far the request is, or that it ended: with a result, a failure, or the target that a full disk cut.

    ``saved`` counts the tensors that are safely on the disk.
    """

    kind: Literal["progress", "done", "failed", "disk_full"]
    done: int = 0
    total: int = 0
    saved: int | None = None
    text: str = ""
