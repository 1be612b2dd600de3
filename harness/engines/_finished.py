"""What the decoders in the child process share: a reply that is done or still growing, and the meters."""

import time
from dataclasses import dataclass, field

from .._records import Request


@dataclass(frozen=True, slots=True)
class Finished:
    """A reply that is done; ``tokens`` counts the sampled ones, the end token included."""

    request: Request
    text: str
    stopped: bool
    tokens: int
    seconds: float


class Growing:
    """Tells a growing text piece by piece; the pieces join up to the whole."""

    def __init__(self) -> None:
        self._told = ""

    def take(self, text: str, *, whole: bool = False) -> str:
        """Return what ``text`` has gained, less a character that has not all its bytes yet."""
        settled = text if whole else text.rstrip("\ufffd")
        if not settled.startswith(self._told):
            return ""
        gained = settled[len(self._told) :]
        self._told = settled
        return gained


@dataclass(slots=True)
class Meter:
    """What has been done so far; read by whoever reports progress."""

    tokens: int = 0
    prompt_tokens: int = 0
    began: float = field(default_factory=time.perf_counter)
    first_token: float | None = None

    @property
    def seconds(self) -> float:
        """Since decoding began."""
        return time.perf_counter() - self.began

    def tick(self, tokens: int) -> None:
        """Count the new tokens of one step."""
        if self.first_token is None:
            self.first_token = self.seconds
        self.tokens += tokens
