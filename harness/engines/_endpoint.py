"""A model behind an OpenAI-compatible endpoint: llama-server, Ollama, vLLM or a service.

What it is, only its server says; so its identity is a hash of the server's own words and marked unverified.
"""

import json
import os
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal
from urllib.parse import urldefrag, urlsplit

import httpx

from quant_triage.data import UsageError, sha256_text

from .._records import ModelCard, Outcome, Reply, Request, Sampling, Speed
from ._chat import Answer, HungError, RefusedError, TryAgainError, ask, body, read_body
from ._identity import reply_key
from ._levels import UNQUANTIZED, known_level
from ._process import EnoughError, Progress, TimeLimits
from ._shape import Shape, shaped_build

KEY_VARIABLE = "QUANT_TRIAGE_API_KEY"

_TRIES = 5
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0  # seconds
_TELL_SECONDS = 0.2
_CONNECT_SECONDS = 10.0
# What servers say of a model that stays the same from one request to the next ("created" often does not).
_STABLE = ("id", "owned_by", "root", "meta", "max_model_len")


class _StoppedError(Exception):
    """The caller has gone; nobody waits for this answer."""


class EndpointSource:
    """One model of a server; as many questions at a time as there are slots.

    Args:
        address: Base address, up to and with ``/v1``.
        card: The model as the server describes it.
        model: What the server calls it.
        sampling: How to sample; ``slots`` is the number of questions asked side by side.
        limits: When a reply or the whole model counts as hung.
        tries: How often one question is put before the model is given up.
        first_wait: Seconds before the second try; each further wait is about twice as long.
        shape: The form that every reply is held to, as far as the server can.
    """

    memory = 0

    def __init__(
        self,
        address: str,
        card: ModelCard,
        model: str,
        sampling: Sampling,
        *,
        limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
        tries: int = _TRIES,
        first_wait: float = _FIRST_WAIT,
        shape: Shape | None = None,
    ):
        self.card = card
        self._address, self._model = address, model
        self._sampling, self._limits = sampling, limits
        self._tries, self._first_wait = tries, first_wait
        self._shape = shape

    @property
    def build(self) -> str:
        """The server's engine is unknown; its address stands for it."""
        return shaped_build(f"endpoint {self._address}", self._shape)

    def key(self, prompt: str, sample: int) -> str:
        """See ``reply_key``."""
        return reply_key(self.card, self._sampling, self.build, prompt=prompt, sample=sample)

    def asked(self) -> None:
        """A server can be asked anything."""
        return

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Ask all questions; trouble that may pass is tried again, what remains is the model's outcome."""
        if not requests:
            return Outcome(status="ok"), Speed()
        session = _Session(self._address, self._limits, self._tries, self._first_wait)
        asked = [(request, body(self._model, request, self._sampling, self._shape)) for request in requests]
        workers = min(self._sampling.slots, len(requests))
        session.start(asked, workers)
        return session.gather(self.card.sha256, len(requests), on_reply, on_progress)


class _Session:
    """All questions to one model: workers ask, this thread hands the answers over."""

    def __init__(self, address: str, limits: TimeLimits, tries: int, first_wait: float):
        self._limits, self._tries, self._first_wait = limits, tries, first_wait
        self._client = open_client(address, read=limits.stall)
        self._stop = threading.Event()
        self._todo: queue.SimpleQueue[tuple[Request, dict[str, object]]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Request, Answer | Exception, float]] = queue.SimpleQueue()
        self._tokens = 0
        self._count = threading.Lock()
        self._speed = Speed()
        self._replies = 0

    def start(self, asked: Sequence[tuple[Request, dict[str, object]]], workers: int) -> None:
        """Begin to ask, ``workers`` questions side by side."""
        for question in asked:
            self._todo.put(question)
        # Daemons, which nobody waits for: a silent server must not hold up the end of a run.
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def gather(
        self,
        model: str,
        count: int,
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Hand over the answers as they come; say how it ended."""
        try:
            for request, answer, took in self._answers(count, on_progress):
                on_reply(_reply(model, request, answer, took))
        except HungError as error:
            outcome = Outcome(status="hung", cause=str(error))
        except TryAgainError as error:
            cause = f"given up after {self._tries} tries: {_without_key(str(error))}"
            outcome = Outcome(status="crashed", cause=cause)
        except RefusedError as error:
            status: Literal["crashed", "not_loaded"] = "crashed" if self._replies else "not_loaded"
            outcome = Outcome(status=status, cause=_without_key(str(error)))
        except EnoughError:
            outcome = Outcome(status="ok")
        else:
            outcome = Outcome(status="ok")
        finally:
            self._stop.set()
            self._client.close()
        return outcome, self._speed

    def _answers(
        self, count: int, on_progress: Callable[[Progress], None]
    ) -> Iterator[tuple[Request, Answer, float]]:
        began = time.perf_counter()
        while self._replies < count:
            seconds = time.perf_counter() - began
            on_progress(Progress(replies=self._replies, tokens=self._tokens, seconds=seconds))
            if self._limits.model is not None and seconds > self._limits.model:
                raise HungError(f"not done within {self._limits.model:g} s")
            try:
                request, answer, took = self._done.get(timeout=_TELL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise answer
            self._replies += 1
            self._speed = _add(self._speed, answer, time.perf_counter() - began)
            yield request, answer, took
        on_progress(Progress(replies=count, tokens=self._speed.tokens, seconds=time.perf_counter() - began))

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                request, question = self._todo.get_nowait()
            except queue.Empty:
                return
            began = time.perf_counter()
            answer: Answer | Exception
            try:
                answer = self._persist(question)
            except Exception as error:  # noqa: BLE001 - raised again where the answers are gathered
                answer = error
            self._done.put((request, answer, time.perf_counter() - began))

    def _persist(self, question: dict[str, object]) -> Answer:
        """Ask until there is an answer, waiting longer each time, as long as the server asks to at least."""
        wait = self._first_wait
        for _ in range(self._tries - 1):
            try:
                return self._ask(question)
            except TryAgainError as error:
                # Spread, so that many workers do not come back at the same moment.
                pause = max(error.after or 0.0, wait * random.uniform(0.75, 1.25))  # noqa: S311
                if self._stop.wait(min(pause, _LONGEST_WAIT)):
                    raise _StoppedError from error
                wait = min(2 * wait, _LONGEST_WAIT)
        return self._ask(question)

    def _ask(self, question: dict[str, object]) -> Answer:
        def on_token() -> None:
            if self._stop.is_set():
                raise _StoppedError
            with self._count:
                self._tokens += 1

        if self._stop.is_set():
            raise _StoppedError
        return ask(self._client, question, on_token, longest=self._limits.reply)


def _add(speed: Speed, answer: Answer, seconds: float) -> Speed:
    return Speed(
        tokens=speed.tokens + answer.tokens,
        prompt_tokens=speed.prompt_tokens + answer.prompt_tokens,
        seconds=seconds,
        first_token_seconds=speed.first_token_seconds or answer.first_token,
    )


def _reply(model: str, request: Request, answer: Answer, seconds: float) -> Reply:
    return Reply(
        model=model,
        reply=answer.text,
        finish_reason=answer.finish_reason,
        tokens=answer.tokens,
        seconds=round(seconds, 4),
        **request.model_dump(),
    )


def _without_key(text: str) -> str:
    """Some servers repeat the key that they refuse; what they say goes into journal and report."""
    key = os.environ.get(KEY_VARIABLE)
    return text.replace(key, f"[{KEY_VARIABLE}]") if key else text


def open_client(address: str, *, read: float) -> httpx.Client:
    """Return a client for the address, with the key from ``QUANT_TRIAGE_API_KEY`` if there is one.

    It follows no redirect: the key, and the questions, go to the host that was named and to no other.
    """
    key = os.environ.get(KEY_VARIABLE)
    return httpx.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        follow_redirects=False,
        timeout=httpx.Timeout(read, connect=_CONNECT_SECONDS, pool=None),
        limits=httpx.Limits(max_connections=None),
    )


def _base(spec: str) -> tuple[str, str | None]:
    """Split ``http://host/v1#model`` into a base address that ends in a version, and the model."""
    url, model = urldefrag(spec)
    try:
        parts = urlsplit(url)
        usable = bool(httpx.URL(url).host and parts.hostname) and "@" not in url and not parts.query
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        # Whatever stands there may be a secret, and this line may end in a log that others read.
        shown = re.sub(r"(?<=://).*@", "", url).partition("?")[0]
        raise UsageError(
            f"{shown!r} is no endpoint: write http://HOST:PORT/v1#MODEL; keys go to {KEY_VARIABLE}"
        )
    url = url.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    return (url if re.search(r"/v\d+\w*$", url) else f"{url}/v1"), model or None


def _models(address: str, spec: str) -> list[dict[str, object]]:
    try:
        with (
            open_client(address, read=_CONNECT_SECONDS) as client,
            client.stream("GET", "models") as response,
        ):
            code, text = response.status_code, read_body(response)
        if code != httpx.codes.OK:
            hint = f": put its key into {KEY_VARIABLE}" if code in {401, 403} else ""
            raise UsageError(f"{spec!r} answers HTTP {code} for its models{hint}")
        answer = json.loads(text)
    except (httpx.HTTPError, RefusedError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{spec!r} cannot be reached as an endpoint: {error or type(error).__name__}"
        ) from error
    listed = answer.get("data") if isinstance(answer, dict) else None
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not found:
        raise UsageError(f"{spec!r} lists no models: start its server with one")
    return found


def open_endpoint(
    spec: str,
    sampling: Sampling,
    *,
    limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
    shape: Shape | None = None,
) -> list[EndpointSource]:
    """Ask a server which model it serves.

    Args:
        spec: ``http(s)://HOST:PORT/v1``, with ``#MODEL`` where it serves several.
        sampling: How to sample.
        limits: When a reply or the whole model counts as hung.
        shape: The form that every reply is held to.

    Raises:
        UsageError: It cannot be reached, or the model is not among those that it serves.
    """
    address, wanted = _base(spec)
    models = {str(one.get("id")): one for one in _models(address, spec)}
    if wanted is None and len(models) > 1:
        raise UsageError(
            f"{spec!r} serves {len(models)} models: add #MODEL, one of {', '.join(sorted(models))}"
        )
    name = wanted or next(iter(models))
    if name not in models:
        raise UsageError(f"{spec!r}: no such model there, only {', '.join(sorted(models))}")
    words = {field: models[name][field] for field in _STABLE if field in models[name]}
    level = known_level(name) or "unknown"
    card = ModelCard(
        name=f"{re.sub(r'.*/', '', name).removesuffix('.gguf')} at {urlsplit(address).netloc}",
        level=level,
        sha256=sha256_text("endpoint", address, repr(sorted(words.items()))),
        reference=level in UNQUANTIZED,
        verified=False,
    )
    return [EndpointSource(address, card, name, sampling, limits=limits, shape=shape)]
