"""What every contestant of a benchmark does, and what one run of it took."""

from collections.abc import Callable
from pathlib import Path

from quant_triage.data import Record


class Work(Record):
    """One benchmark's work, the same for all.

    Attributes:
        model: A GGUF that never ends a reply by itself.
        prompts: Questions, put into the model's own chat template by each contestant.
        tokens: New tokens for each.
        threads: For prefill and decode alike.
    """

    model: Path
    prompts: tuple[str, ...]
    tokens: int
    threads: int

    @property
    def total(self) -> int:
        """New tokens of the whole work."""
        return len(self.prompts) * self.tokens


class Timing(Record):
    """New tokens, and the seconds from the first prompt's first token to the last reply."""

    tokens: int
    seconds: float
    prompt_tokens: int = 0

    @property
    def rate(self) -> float:
        """New tokens a second."""
        return self.tokens / self.seconds


class MeasureError(Exception):
    """A contestant could not be measured; the text says why."""


Measure = Callable[[Work], Timing]


def checked(name: str, work: Work, timing: Timing) -> Timing:
    """Refuse a run that did less or more than the work.

    Raises:
        MeasureError: It did.
    """
    if timing.tokens != work.total:
        raise MeasureError(f"{name} made {timing.tokens} tokens, not {work.total}: nothing to compare")
    return timing
