"""One streamed answer of an OpenAI-compatible server, and what can go wrong with it."""

import codecs
import json
import time
from collections.abc import Callable, Iterator
from typing import Literal

import httpx

from quant_triage.data import Record

from .._records import Request, Sampling
from ._seeds import sample_seed
from ._shape import Shape

_DONE = "[DONE]"
_LONGEST = 1 << 20
"""Characters of one reply; a server that sends more does not keep to ``max_tokens``."""

_LARGEST = 4 << 20
"""Bytes of one answer that is not streamed, and of one line of a stream."""

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Status codes of trouble that may pass."""


class TryAgainError(Exception):
    """It may work later; ``after`` is how many seconds the server asks us to wait, if it says."""

    def __init__(self, cause: str, after: float | None = None):
        self.after = after
        super().__init__(cause)


class RefusedError(Exception):
    """Asking again would not help; the text says why."""


class HungError(Exception):
    """A limit on time was broken; the text says which."""


class Answer(Record):
    """A whole answer; ``tokens`` as the server counts them, or the pieces that it sent."""

    text: str
    finish_reason: Literal["stop", "length"]
    tokens: int
    prompt_tokens: int
    first_token: float


def body(model: str, request: Request, sampling: Sampling, shape: Shape | None = None) -> dict[str, object]:
    """Return the JSON that asks ``request``: the first sample greedy, further ones with own seeds."""
    messages = [{"role": "user", "content": request.prompt}]
    if sampling.system is not None:
        messages.insert(0, {"role": "system", "content": sampling.system})
    asked: dict[str, object] = {
        "model": model,
        "messages": messages,
        "max_tokens": sampling.max_tokens,
        "temperature": 0.0,
        "seed": sample_seed(sampling.seed, request.prompt, request.sample),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if shape is not None:
        asked["response_format"] = shape.response_format
    if sampling.temperature > 0 and request.sample > 0:
        # top_k is not in OpenAI's interface, but llama-server, Ollama and vLLM take it.
        asked |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    return asked


def ask(
    client: httpx.Client, asked: dict[str, object], on_token: Callable[[], None], *, longest: float
) -> Answer:
    """Ask once and read the stream to its end.

    Args:
        client: Knows address, key and time-outs.
        asked: See ``body``.
        on_token: Called for every piece; whatever it raises ends the request.
        longest: Seconds for the whole answer.

    Raises:
        TryAgainError: The connection broke, the server is busy, or its answer stopped half way.
        RefusedError: The server refuses, or does not speak this protocol.
        HungError: No answer within ``longest``, or nothing at all for the client's time-out.
    """
    began = time.perf_counter()
    gathered = _Gathered()
    try:
        with client.stream("POST", "chat/completions", json=asked) as response:
            _check(response)
            for piece in _pieces(response):
                if time.perf_counter() - began > longest:
                    raise HungError(f"no reply finished within {longest:g} s")
                if gathered.take(piece):
                    gathered.first = gathered.first or time.perf_counter() - began
                    on_token()
    except httpx.ReadTimeout as error:
        raise HungError(f"no sign of life for {client.timeout.read:g} s") from error
    except httpx.TransportError as error:
        raise TryAgainError(f"{type(error).__name__}: {error}") from error
    return gathered.answer()


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    said = _message(read_body(response)) or response.reason_phrase
    cause = f"HTTP {response.status_code}: {' '.join(said.split())[:200]}"
    if response.status_code not in _PASSING:
        raise RefusedError(cause)
    wait = response.headers.get("Retry-After", "")
    raise TryAgainError(cause, float(wait) if wait.replace(".", "", 1).isdigit() else None)


def _message(text: str) -> str:
    """The words of an error in JSON, in any of the shapes that servers use, or the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    return value if isinstance(value, str) else text


def read_body(response: httpx.Response) -> str:
    """Read a whole answer, however it is meant to end.

    Raises:
        RefusedError: It has over 4 MiB.
    """
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > _LARGEST:
            raise RefusedError(f"it sent over {_LARGEST >> 20} MiB in one answer")
    return body.decode("utf-8", "replace")


def _lines(response: httpx.Response) -> Iterator[str]:
    """Lines of a stream as they come; httpx's own would hold a line without an end for ever."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    held = ""
    for part in response.iter_bytes():
        *whole, held = (held + decoder.decode(part)).split("\n")
        if len(held) > _LARGEST:
            raise RefusedError(f"it sent a line of over {_LARGEST >> 20} MiB")
        yield from whole
    yield held


def _pieces(response: httpx.Response) -> Iterator[dict[str, object]]:
    """JSON objects of the stream, or the one object of a server that does not stream.

    A line that holds none gives an empty object, so that the caller can look at the clock.
    """
    if "json" in response.headers.get("Content-Type", ""):
        yield _object(read_body(response))
        return
    for line in _lines(response):
        data = line[5:].strip() if line.startswith("data:") else ""
        yield _object(data) if data and data != _DONE else {}


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TryAgainError(f"it sent something that is not JSON: {text[:60]!r}") from error
    if not isinstance(value, dict):
        raise RefusedError(f"it does not speak OpenAI's protocol: {text[:60]!r}")
    if "error" in value:
        raise TryAgainError(f"it reported an error in mid-answer: {_message(text)[:200]}")
    return value


class _Gathered:
    """What has come of an answer."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.length = 0
        self.finish: str | None = None
        self.tokens: int | None = None
        self.prompt_tokens = 0
        self.first = 0.0

    def take(self, piece: dict[str, object]) -> bool:
        """Add one piece; returns whether it brought text."""
        usage = piece.get("usage")
        if isinstance(usage, dict):
            made, read = usage.get("completion_tokens"), usage.get("prompt_tokens")
            self.tokens = made if isinstance(made, int) else self.tokens
            self.prompt_tokens = read if isinstance(read, int) else self.prompt_tokens
        choices = piece.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return False
        finish = choice.get("finish_reason")
        self.finish = finish if isinstance(finish, str) else self.finish
        message = choice.get("delta", choice.get("message"))
        text = message.get("content") if isinstance(message, dict) else None
        if not isinstance(text, str) or not text:
            return False
        self.texts.append(text)
        self.length += len(text)
        if self.length > _LONGEST:
            raise RefusedError(f"it sent over {_LONGEST} characters for one reply: it ignores max_tokens")
        return True

    def answer(self) -> Answer:
        if self.finish is None:
            raise TryAgainError("the answer stopped half way")
        return Answer(
            text="".join(self.texts),
            finish_reason="length" if self.finish == "length" else "stop",
            tokens=len(self.texts) if self.tokens is None else self.tokens,
            prompt_tokens=self.prompt_tokens,
            first_token=self.first,
        )
