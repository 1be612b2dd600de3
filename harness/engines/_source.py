"""The small protocol that everything answers through, whatever stands behind it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from quant_triage.data import Record, Scenario

from .._records import ModelCard, Outcome, Reply, Request, Speed
from ._process import Progress


class Asked(Record):
    """A question whose answer a source already holds."""

    prompt: str
    sample: int
    prompt_id: str | None
    scenario: Scenario | None


class Source(Protocol):
    """One model that answers requests, however it does so."""

    card: ModelCard

    @property
    def memory(self) -> int:
        """Bytes of this machine's memory that it may take while it answers; 0 for none to speak of."""
        ...

    @property
    def build(self) -> str:
        """The engine, as far as it decides a reply."""
        ...

    def key(self, prompt: str, sample: int) -> str:
        """Key of the reply to one sample of one prompt."""
        ...

    def asked(self) -> Iterator[Asked] | None:
        """The only questions that this source can answer, each once, or ``None`` when it can answer any."""
        ...

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Answer all requests, handing over each reply as it ends; a model's fault becomes its outcome.

        What ``on_reply`` or ``on_progress`` raises ends the work and passes through, but for ``EnoughError``:
        then the outcome is as good as if all had been asked.
        """
        ...
