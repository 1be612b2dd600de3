"""Continuous batching: every sequence advances by one token in each batch, and new prompts join it.

A finished sequence's slot is refilled at once, in the order of the requests. What stands before every
prompt (beginning of text, system prompt, head of the template) is decoded once and shared, and so is what
prompts side by side have in common, which for several samples of one prompt is all of it.

Greedy text depends on the shape of the batches, so nothing of it depends on which prompts were already
answered, as far as that can be avoided: slots, batch size and the shared prefix come from the sampling
and the template alone. With one slot, a prompt's text depends on nothing but the prompt.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quant_triage.data import ModelError

from .._records import Hardware, Request, Sampling
from ._finished import Finished, Meter
from ._grammar import Grammar
from ._llama import MAX_SLOTS, Batch, Log, Memory, Model, Sampler, Tokens, free, logits
from ._seeds import sample_seed
from ._template import ChatTemplate

_GRAIN = 256  # llama.cpp rounds the cache to this many cells
_WORTH = 8  # tokens in common that are worth sharing, beyond what all prompts share


@dataclass(slots=True)
class _Work:
    """A request on its way.

    Attributes:
        tokens: Of its whole prompt.
        limit: Most new tokens.
        decoded: How many of the prompt's tokens its sequence holds, with the batch that is being filled.
        held: The same before that batch: what others may take over.
        begun: Whether it was seen what others hold of it.
        order: Counts up with each request that gets a slot.
    """

    request: Request
    tokens: Tokens
    limit: int
    decoded: int = 0
    held: int = 0
    begun: bool = False
    order: int = 0
    began: float = 0.0
    sampler: Sampler | None = None
    grammar: Grammar | None = None


def common(first: Tokens, second: Tokens) -> int:
    """How many tokens two sequences begin with alike."""
    shorter = min(len(first), len(second))
    differ = np.flatnonzero(first[:shorter] != second[:shorter])
    return int(differ[0]) if len(differ) else shorter


def _shared_prefix(model: Model, template: ChatTemplate) -> Tokens:
    """Tokens before every prompt, less the last, which could merge with the prompt's beginning."""
    head = template.head
    return model.tokenize(head)[:-1] if head else np.empty(0, dtype=np.int32)


class Decoder:
    """One loaded model that answers many requests side by side.

    Args:
        path: GGUF file.
        sampling: How to sample, and in how many slots.
        hardware: Threads (already resolved, at least 1) and GPU layers.
        use_extra_bufts: Whether weights may be repacked for this processor (see the probe).
        grammar: GBNF that every reply is held to; those are greedy.

    Raises:
        ModelError: The model does not load, has no chat template, or its template fails.
    """

    def __init__(
        self,
        path: Path,
        sampling: Sampling,
        hardware: Hardware,
        *,
        use_extra_bufts: bool,
        grammar: str | None = None,
    ):
        self._sampling, self._grammar = sampling, grammar
        self._threads = hardware.threads
        self._slots = min(sampling.slots, MAX_SLOTS)
        self._log = Log()
        self._model = Model(
            path, gpu_layers=hardware.gpu_layers, use_extra_bufts=use_extra_bufts, log=self._log
        )
        source = self._model.template
        if source is None:
            raise ModelError("not_loaded", "it carries no chat template")
        self._template = ChatTemplate(
            source, bos=self._model.bos, eos=self._model.eos, system=sampling.system
        )
        self._prefix = _shared_prefix(self._model, self._template)
        self.meter = Meter()

    def _plan(self, requests: Sequence[Request]) -> list[_Work]:
        """Tokenize all requests, and refuse what does not fit before any work is done."""
        room = min(self._sampling.context, self._model.n_ctx_train)
        planned = []
        for request in requests:
            tokens = self._model.tokenize(self._template.render(request.prompt))
            if not len(tokens):
                raise ModelError("not_loaded", "its chat template renders to nothing")
            if len(tokens) >= room:
                raise ModelError(
                    "not_loaded",
                    f"prompt {request.prompt_id!r} takes {len(tokens)} tokens and leaves no room for a reply"
                    f" in a context of {room}: shorten it or raise the context",
                )
            limit = min(self._sampling.max_tokens, room - len(tokens))
            planned.append(_Work(request, tokens, limit))
        return planned

    def run(self, requests: Sequence[Request]) -> Iterator[Finished | str | None]:
        """Answer all requests; yields each reply as it ends, and something after every batch.

        After a batch that is the text so far where there is one request only, else ``None``.

        Raises:
            ModelError: A prompt does not fit, the logits are NaN, or llama.cpp fails.
        """
        planned = self._plan(requests)
        spans = sorted((len(work.tokens) + work.limit for work in planned), reverse=True)[: self._slots]
        cells = len(self._prefix) + sum(spans) + self._slots
        context = self._model.context(
            cells=-(-cells // _GRAIN) * _GRAIN, sequences=self._slots + 1, threads=self._threads
        )
        try:
            loop = _Loop(
                self._model,
                context,
                self._sampling,
                slots=self._slots,
                prefix=self._prefix,
                meter=self.meter,
                grammar=self._grammar,
            )
            yield from loop.run(deque(planned))
        finally:
            free(context, self._model)


class _Loop:
    """The state of one run. Slots are rows of arrays: a step costs few calls, whatever their number."""

    def __init__(
        self,
        model: Model,
        context: int,
        sampling: Sampling,
        *,
        slots: int,
        prefix: Tokens,
        meter: Meter,
        grammar: str | None,
    ):
        self._model, self._context, self._sampling, self._meter = model, context, sampling, meter
        self._grammar = grammar
        self._memory = Memory(context)
        self._prefix, self._prefix_sequence = prefix, slots
        self._work: list[_Work | None] = [None] * slots
        self._started = 0
        self._batch = Batch()
        self._next = np.zeros(slots, dtype=np.int32)
        self._position = np.zeros(slots, dtype=np.int32)
        self._count = np.zeros(slots, dtype=np.int32)
        self._limit = np.zeros(slots, dtype=np.int32)
        self._decoding = np.zeros(slots, dtype=np.bool_)
        self._history = np.zeros((slots, sampling.max_tokens), dtype=np.int32)

    def run(self, waiting: deque[_Work]) -> Iterator[Finished | str | None]:
        alone = len(waiting) == 1
        self._meter.began = time.perf_counter()
        self._decode_prefix()
        while True:
            self._refill(waiting)
            rows = self._fill()
            if not self._batch.used:
                return
            self._decode()
            if len(rows):
                chosen = self._choose(rows)
                yield from self._advance(rows, chosen)
            yield self._model.text(self._history[0, : self._count[0]]) if alone else None

    def _decode(self) -> None:
        code = self._batch.decode(self._context)
        if code:
            raise ModelError("crashed", f"llama_decode failed with code {code}")

    def _decode_prefix(self) -> None:
        for start in range(0, len(self._prefix), self._batch.free):
            part = self._prefix[start : start + self._batch.free]
            positions = np.arange(start, start + len(part), dtype=np.int32)
            self._batch.add(part, positions, self._prefix_sequence, want=False)
            self._decode()
            self._meter.prompt_tokens += len(part)
            self._batch.clear()

    def _refill(self, waiting: deque[_Work]) -> None:
        for slot, busy in enumerate(self._work):
            if busy is None and waiting:
                work = self._work[slot] = waiting.popleft()
                work.began = time.perf_counter()
                self._started += 1
                work.order = self._started
                self._count[slot] = 0
                self._limit[slot] = work.limit
                sampling = self._sampling
                if self._grammar is not None:
                    work.grammar = Grammar(self._model, self._grammar)
                elif sampling.temperature > 0 and work.request.sample > 0:
                    work.sampler = Sampler(
                        temperature=sampling.temperature,
                        top_k=sampling.top_k,
                        top_p=sampling.top_p,
                        seed=sample_seed(sampling.seed, work.request.prompt, work.request.sample),
                    )

    def _fill(self) -> NDArray[np.intp]:
        """Fill the batch: one token of every decoding slot, then as much prefill as fits.

        Returns the slots that want a next token, in the order of their rows of logits.
        """
        batch = self._batch
        batch.clear()
        rows = np.flatnonzero(self._decoding)
        batch.add(self._next[rows], self._position[rows], rows.astype(np.int32), want=True)
        ready = []
        for work in self._work:
            if work is not None:
                work.held = work.decoded
        for slot, work in enumerate(self._work):
            if work is None or self._decoding[slot] or not batch.free:
                continue
            if not work.begun and not self._begin(slot, work):
                continue
            part = work.tokens[work.decoded : work.decoded + batch.free]
            begin = work.decoded
            work.decoded += len(part)
            self._meter.prompt_tokens += len(part)
            last = work.decoded == len(work.tokens)
            want = np.zeros(len(part), dtype=np.bool_)
            want[-1] = last
            batch.add(part, np.arange(begin, begin + len(part), dtype=np.int32), slot, want=want)
            if last:
                ready.append(slot)
                self._decoding[slot] = True
                self._position[slot] = begin + len(part) - 1
        return np.concatenate([rows, np.array(ready, dtype=np.intp)])

    def _begin(self, slot: int, work: _Work) -> bool:
        """Take over what other sequences hold of the prompt: the template's head, or a sample's whole prompt.

        Returns:
            Whether to go on; ``False`` while an earlier sequence is about to hold much more of it.
        """
        wanted = work.tokens[:-1]  # the last one is decoded in any case: its logits are needed
        source, held = self._prefix_sequence, common(wanted, self._prefix)
        if not self._model.divisible and held < len(self._prefix):
            held = 0
        soon = held
        for other, rival in enumerate(self._work):
            if rival is None or rival.order >= work.order or not self._model.divisible:
                continue
            same = common(wanted, rival.tokens)
            soon = max(soon, same)
            if min(same, rival.held) >= held + _WORTH:
                source, held = other, min(same, rival.held)
        if soon >= held + _WORTH:
            return False
        if held:
            self._memory.share(source, slot, held)
        work.decoded, work.begun = held, True
        return True

    def _choose(self, rows: NDArray[np.intp]) -> Tokens:
        """The next token of each row. NumPy's argmax is greedy's choice, and finds a NaN if there is one."""
        values = logits(self._context, len(rows), self._model.n_vocab)
        best = values.argmax(axis=1)
        broken = np.flatnonzero(~np.isfinite(values[np.arange(len(rows)), best]))
        if len(broken):
            slot = int(rows[broken[0]])
            work = self._work[slot]
            where = f" in the reply to {work.request.prompt_id!r}" if work else ""
            raise ModelError("nan", f"the logits are not finite at token {self._count[slot] + 1}{where}")
        chosen: Tokens = best.astype(np.int32)
        if self._grammar is not None:
            for row, slot in enumerate(rows):
                if (work := self._work[slot]) is not None and work.grammar is not None:
                    chosen[row] = work.grammar.choose(values[row], int(best[row]))
        elif self._sampling.temperature > 0:
            outputs = np.flatnonzero(self._batch.wanted[: self._batch.used])
            for row, (slot, index) in enumerate(zip(rows, outputs, strict=True)):
                if (work := self._work[slot]) is not None and work.sampler is not None:
                    chosen[row] = work.sampler.draw(self._context, int(index))
        return chosen

    def _advance(self, rows: NDArray[np.intp], chosen: Tokens) -> Iterator[Finished]:
        self._meter.tick(tokens=len(rows))
        self._history[rows, self._count[rows]] = chosen
        self._count[rows] += 1
        self._next[rows] = chosen
        self._position[rows] += 1
        ended = self._model.ends[chosen]
        over = ended | (self._count[rows] >= self._limit[rows])
        for slot, stopped in zip(rows[over].tolist(), ended[over].tolist(), strict=True):
            yield self._finish(slot, stopped=stopped)

    def _finish(self, slot: int, *, stopped: bool) -> Finished:
        work = self._work[slot]
        assert work is not None  # noqa: S101 - a slot with a row of logits has work
        self._work[slot] = None
        self._decoding[slot] = False
        self._memory.forget(slot)
        if work.sampler is not None:
            work.sampler.close()
        if work.grammar is not None:
            work.grammar.close()
        count = int(self._count[slot])
        text = self._model.text(self._history[slot, : count - stopped])
        return Finished(work.request, text, stopped, count, time.perf_counter() - work.began)
