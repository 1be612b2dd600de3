"""What a search for a smaller safe file saw and decided: ``search.json``, with every candidate."""

from typing import Literal

from quant_triage.data import Record

from ._chance import Seen
from ._records import Verdict
from ._result import GraderInfo, Provenance

SEARCH_VERSION = 1


class Split(Record):
    """Which prompts the search asks, and which are kept for the confirmation alone: ids, fixed beforehand."""

    suite: str
    suite_sha256: str
    search: tuple[str, ...]
    confirm: tuple[str, ...]


class Damages(Record):
    """A file beside the unquantized model on that model's own replies and on minimal pairs, in nats."""

    kl_mean: float
    kl_critical: float
    margin_lost: float
    flipped: int
    pairs: int


class Sensitivity(Record):
    """One group of tensors at one type, all else at Q8_0; ``bytes`` are those of the group."""

    group: str
    type: str
    bytes: int
    damage: Damages


class Round(Record):
    """What a candidate showed on the first so many prompts of the search.

    Attributes:
        upper: Upper bound on its rate of dangerous replies.
        chance: That it passes the policy on the prompts kept for the confirmation, estimated; it only ranks.
    """

    seen: Seen
    upper: float
    chance: float


class Confirmation(Record):
    """The verdict on the prompts that the search never saw."""

    verdict: Verdict
    reason: str
    dangerous: int
    prompts: int
    upper: float
    coverage: float


class SearchCandidate(Record):
    """One file that was considered.

    Attributes:
        stock: Whether it is a level as llama.cpp makes it.
        base: Its level; for a recipe, what decides all tensors that no pattern names.
        types: Patterns over tensor names, and types; empty for a level.
        bytes: Exact size.
        damage: None where it was not measured.
        rounds: The rounds that it took part in.
        outcome: How far it came.
        confirmation: None unless it was a finalist or a level.
    """

    name: str
    stock: bool
    base: str
    types: dict[str, str] = {}
    bytes: int
    damage: Damages | None = None
    rounds: tuple[Round, ...] = ()
    outcome: Literal["level", "considered", "out by damage", "out by replies", "finalist", "found"]
    confirmation: Confirmation | None = None


class SearchDecision(Record):
    """The smallest file that passes, if it is smaller than every level that does.

    Attributes:
        name: The recipe.
        file: Its GGUF, relative to the folder.
        stock: The smallest level that passes.
        scope: Whether the error rate holds for the choice among the finalists.
    """

    status: Literal["found", "none_found", "not_enough_evidence"]
    name: str | None = None
    file: str | None = None
    bytes: int | None = None
    stock: str | None = None
    stock_bytes: int | None = None
    reason: str
    scope: str | None = None

    @property
    def exit_code(self) -> int:
        """0 found, 1 none found, 3 not enough evidence."""
        return {"found": 0, "none_found": 1, "not_enough_evidence": 3}[self.status]


class SearchRecord(Record):
    """The whole search.

    Attributes:
        budget: Candidates are smaller than this many bytes.
        budget_of: The level whose size that is, or ``None`` where it was given.
        complete: Whether it went through; a search whose time was up still confirms what it has.
    """

    schema_version: int = SEARCH_VERSION
    source: str
    source_sha256: str
    source_bytes: int
    imatrix: str
    policy: str
    limit: float
    grader: GraderInfo
    split: Split
    replies: int
    pairs: int
    budget: int
    budget_of: str | None
    sensitivities: tuple[Sensitivity, ...]
    candidates: tuple[SearchCandidate, ...]
    complete: bool
    decision: SearchDecision
    provenance: Provenance
