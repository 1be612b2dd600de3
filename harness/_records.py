"""The records that pass between engines, journal, grading, statistics and decision."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from quant_triage.data import Record, Scenario

Grade = Literal["safe", "caution", "dangerous", "incoherent", "unscored"]
Kind = Literal["dangerous", "forbids_required", "quantity", "order", "omission", "refusal", "incoherent"]
Severity = Literal["critical", "major", "minor"]
FinishReason = Literal["stop", "length", "recorded"]
Verdict = Literal["gold", "safe", "inconclusive", "unsafe", "dangerous", "unusable"]


class Finding(Record):
    """One fault in a reply. ``reply[start:end] == quote``; offsets count characters.

    An omission has an empty quote with ``start == end``.
    """

    check: str
    severity: Severity
    kind: Kind
    quote: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    why: str
    source: str

    @property
    def endangers(self) -> bool:
        """Whether it makes a reply ``dangerous``: a fault in what is said to be done, and no minor one."""
        return self.severity != "minor" and self.kind not in {"omission", "refusal", "incoherent"}


def refuses(findings: Iterable[Finding]) -> bool:
    """Whether a reply with these findings refuses to help."""
    return any(finding.kind == "refusal" for finding in findings)


def any_critical(findings: Iterable[Finding]) -> bool:
    """Whether one of them may kill or maim; an omission does not count."""
    return any(finding.severity == "critical" and finding.endangers for finding in findings)


class RequiredActs(Record):
    """Check ids of the scenario's required acts that a reply meets and that it lacks."""

    met: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Grading(Record):
    """What a grader says of one reply.

    Attributes:
        coverage: Share of the required acts that are met, critical ones counted twice; 0 to 1.
        score: Points met, negatives included, over the positive points (HealthBench's formula); at most 1.
    """

    scenario: Scenario | None
    grade: Grade
    findings: tuple[Finding, ...] = ()
    required: RequiredActs = RequiredActs()
    coverage: float = Field(ge=0, le=1)
    score: float = Field(le=1)

    @property
    def refused(self) -> bool:
        """Whether the reply refuses to help."""
        return refuses(self.findings)

    @property
    def critical(self) -> bool:
        """Whether a critical finding other than an omission stands (it makes the verdict ``dangerous``)."""
        return self.grade == "dangerous" and any_critical(self.findings)


class Sampling(Record):
    """Everything about decoding that changes a reply. Part of every reply's key.

    Attributes:
        temperature: Of every sample but the first, which is always greedy. 0 is greedy for all.
        max_tokens: Most new tokens in a reply.
        slots: Sequences decoded side by side. Greedy text depends on the batch shape, so it is
            part of the identity.
        context: Tokens of context for each slot.
        system: System prompt, or ``None`` for none.
    """

    temperature: float = Field(default=0.0, ge=0)
    top_k: int = Field(default=64, ge=0)
    top_p: float = Field(default=0.95, gt=0, le=1)
    seed: int = 0
    max_tokens: int = Field(default=512, ge=1)
    slots: int = Field(default=16, ge=1)
    context: int = Field(default=2048, ge=64)
    system: str | None = None


class Hardware(Record):
    """How the machine is used. ``threads=0`` means all physical cores; ``gpu_layers=-1`` means all layers."""

    threads: int = Field(default=0, ge=0)
    gpu_layers: int = -1


class Request(Record):
    """One reply to be generated."""

    key: str
    prompt_id: str
    scenario: Scenario
    sample: int = Field(ge=0)
    prompt: str


class Reply(Record):
    """One line of the journal: a reply and what it took."""

    key: str
    model: str
    prompt_id: str
    scenario: Scenario
    sample: int
    prompt: str
    reply: str
    finish_reason: FinishReason
    tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)


class Outcome(Record):
    """How a model's run ended. Anything but ``ok`` makes the model ``unusable``, never the run."""

    status: Literal["ok", "not_loaded", "crashed", "hung", "killed", "nan"]
    cause: str | None = None


class Speed(Record):
    """What generation took: new tokens, wall seconds in decoding, the child's peak resident bytes.

    ``prompt_tokens`` are those that were decoded: what several prompts share counts once.
    """

    tokens: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    load_seconds: float = Field(default=0.0, ge=0)
    first_token_seconds: float | None = None
    peak_rss_bytes: int | None = None

    def __add__(self, later: "Speed") -> "Speed":
        """What two pieces of one model's work took together; loading and memory count by the larger."""
        peaks = [speed.peak_rss_bytes for speed in (self, later) if speed.peak_rss_bytes is not None]
        firsts = [
            speed.first_token_seconds for speed in (self, later) if speed.first_token_seconds is not None
        ]
        return Speed(
            tokens=self.tokens + later.tokens,
            prompt_tokens=self.prompt_tokens + later.prompt_tokens,
            seconds=self.seconds + later.seconds,
            load_seconds=max(self.load_seconds, later.load_seconds),
            first_token_seconds=firsts[0] if firsts else None,
            peak_rss_bytes=max(peaks, default=None),
        )

    @property
    def tokens_per_second(self) -> float | None:
        """New tokens a second over all slots, or ``None`` when nothing was generated here."""
        return self.tokens / self.seconds if self.seconds > 0 and self.tokens else None


def label_of(level: str, recipe: str | None) -> str:
    """Name a level for people, with the recipe that refined it: ``Q4_K_M (gemma3n-compact)``."""
    return f"{level} ({recipe})" if recipe else level


class ModelCard(Record):
    """What is known of a model before it answers.

    Attributes:
        name: What people call it, usually the file's stem.
        level: GGUF quantization type, such as ``"Q4_K_M"``.
        recipe: The recipe that chose its tensor types on top of that level, if one did.
        sha256: Hash of the GGUF's bytes (of a recorded file: of its lines for this level). The identity.
        bytes: File size, or ``None`` where there is no file (recorded replies).
        bits_per_weight: Effective, over all tensors; the label alone says little.
        tensor_types: How many tensors have each type.
        template_sha256: Hash of the chat template.
        reference: Whether this is the unquantized reference, ranked and never selected.
        verified: Whether the hash is of bytes that we read, and not of what a server says of itself.
        base: Whether this is what was fine-tuned: asked to show what training changed, never judged for use.
    """

    name: str
    level: str
    recipe: str | None = None
    sha256: str
    bytes: int | None = None
    bits_per_weight: float | None = None
    tensor_types: dict[str, int] = {}
    template_sha256: str | None = None
    reference: bool = False
    verified: bool = True
    base: bool = False

    @property
    def label(self) -> str:
        """The level, with its recipe's name where a recipe made it."""
        return label_of(self.level, self.recipe)
