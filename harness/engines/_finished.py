"""What the decoders in the child process share: a reply that is done, and the meters."""

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
