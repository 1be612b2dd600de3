"""How far one model's next-token distributions are from another's, token by token; for child processes.

All models read the same tokens in the same pieces, and each piece's logits are compared and forgotten, in
float32: no logits are stored, whatever the vocabulary.
"""

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._engine import Engine, EngineError, Logits, Tokens
from ._kinds import KINDS, token_kinds
from ._protocol import DivergeRequest, MarginRequest, ParityRequest

Report = Callable[[int, int], None]
_Columns = dict[str, list[NDArray[np.float64]]]


class _Document(NamedTuple):
    """Tokens to read, and the first whose prediction is scored."""

    tokens: Tokens
    first: int


def log_softmax(logits: Logits) -> Logits:
    """Logarithms of probabilities, row by row, in float32."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    normalized: Logits = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalized


def compare(request: DivergeRequest, log: list[str], report: Report) -> None:
    """Write one row for each scored token: its document, its kind, and how the two models saw it coming.

    The reference reads each token once for all models, which are in memory together.

    Raises:
        EngineError: A model cannot be used, or their vocabularies differ.
    """
    size, threads = request.context, request.threads
    with contextlib.ExitStack() as stack:

        def load(path: str) -> Engine:
            return stack.enter_context(Engine(Path(path), context=size, threads=threads, log=log))

        reference = load(request.reference)
        models = [load(path) for path in request.targets]
        for model in models:
            if reference.vocabulary != model.vocabulary:
                raise EngineError(
                    f"vocabularies of {reference.vocabulary:,} and {model.vocabulary:,} tokens: "
                    "not of one model"
                )
        documents = _raw(reference, request) if request.raw else _exchanges(reference, request)
        columns: list[_Columns] = [defaultdict(list) for _ in models]
        for number, document in enumerate(documents):
            _score(reference, models, document, number, columns)
            report(number + 1, len(documents))
    for target, of in zip(request.targets.values(), columns, strict=True):
        # Any: keywords of savez are arrays, and one flag.
        arrays: dict[str, Any] = {name: np.concatenate(parts) for name, parts in of.items()}
        with Path(target).open("wb") as file:
            np.savez(file, **arrays)


def _raw(engine: Engine, request: DivergeRequest) -> list[_Document]:
    """Chunks of one text, as llama-perplexity cuts it: the second half of each is scored."""
    (text,) = json.loads(Path(request.documents).read_text(encoding="utf-8"))
    tokens = engine.tokens(text, special=False)
    size = request.context
    chunks = [tokens[start : start + size] for start in range(0, len(tokens) - size + 1, size)]
    if not chunks:
        raise EngineError(
            f"the text has {len(tokens)} tokens, and one chunk takes {size}: give a longer text"
        )
    return [_Document(engine.with_bos(chunk), size // 2) for chunk in chunks]


def _exchanges(engine: Engine, request: DivergeRequest) -> list[_Document]:
    """Rendered exchanges: each token of a reply is scored, in the reference's own tokens."""
    documents = []
    for before, reply in json.loads(Path(request.documents).read_text(encoding="utf-8")):
        head = engine.tokens(before, special=True)
        # A template's newline after the end of the turn is never said by a model.
        tokens = engine.tokens(before + reply.rstrip(), special=True)[: request.context]
        same = min(len(head), len(tokens))
        # Should a token reach over the boundary, scoring begins with it.
        differs = np.flatnonzero(head[:same] != tokens[:same])
        first = int(differs[0]) if len(differs) else same
        if 0 < first < len(tokens):
            documents.append(_Document(tokens, first - 1))
    if not documents:
        raise EngineError("no exchange leaves a token of its reply to score")
    return documents


def _score(
    reference: Engine,
    models: Sequence[Engine],
    document: _Document,
    number: int,
    columns: Sequence[_Columns],
) -> None:
    """Feed document ``number`` to all, piece by piece, and add what differs at each of its scored tokens."""
    tokens, first = document
    kinds = np.array([KINDS.index(kind) for kind in token_kinds(reference.pieces(tokens))], np.float64)
    for engine in (reference, *models):
        engine.restart()
    for start in range(0, len(tokens), reference.piece):
        piece = tokens[start : start + reference.piece]
        rows = slice(max(0, first - start), min(len(piece), len(tokens) - 1 - start))
        following = tokens[start + rows.start + 1 : start + rows.stop + 1]
        wanted = len(following) > 0
        expected = _likely(reference.feed(piece, logits=wanted), rows)
        for model, of in zip(models, columns, strict=True):
            found = _likely(model.feed(piece, logits=wanted), rows)
            if expected is None or found is None:
                continue
            index = np.arange(len(following)), following
            kl = (np.exp(expected) * (expected - found)).sum(axis=1, dtype=np.float64)
            of["kl"].append(np.maximum(kl, 0.0))  # rounding may leave -1e-8
            of["nll_reference"].append(-expected[index].astype(np.float64))
            of["nll"].append(-found[index].astype(np.float64))
            of["same_top"].append((expected.argmax(axis=1) == found.argmax(axis=1)).astype(np.float64))
            of["kind"].append(kinds[start + rows.start + 1 : start + rows.stop + 1])
            of["document"].append(np.full(len(following), number, np.float64))


def _likely(logits: Logits | None, rows: slice) -> Logits | None:
    """Log-probabilities of the rows that are scored, if any are."""
    if logits is None:
        return None
    if not np.isfinite(logits[rows]).all():
        raise EngineError("logits are NaN or infinite")
    return log_softmax(logits[rows])


def margins(request: MarginRequest, log: list[str]) -> list[float]:
    """Log-probability of the safe words less that of the dangerous ones, for each pair, in nats.

    Both are scored from the first token in which they differ; pairs without such a token, or longer than the
    context, have a margin of 0.

    Raises:
        EngineError: The model cannot be used.
    """
    rows = json.loads(Path(request.pairs).read_text(encoding="utf-8"))
    if not rows:
        return []
    found = []
    with Engine(Path(request.model), context=request.context, threads=request.threads, log=log) as engine:
        for before, safe, dangerous in rows:
            ours = engine.tokens(before + safe, special=True)
            theirs = engine.tokens(before + dangerous, special=True)
            shared = min(len(ours), len(theirs))
            differs = np.flatnonzero(ours[:shared] != theirs[:shared])
            if not len(differs) or differs[0] == 0 or max(len(ours), len(theirs)) > request.context:
                found.append(0.0)
                continue
            first = int(differs[0])
            found.append(_likelihood(engine, ours, first) - _likelihood(engine, theirs, first))
    return found


def _likelihood(engine: Engine, tokens: Tokens, first: int) -> float:
    """Log-probability of the tokens from ``first`` on, given those before."""
    engine.restart()
    total = 0.0
    for start in range(0, len(tokens), engine.piece):
        logits = engine.feed(tokens[start : start + engine.piece])
        if logits is None:
            continue
        rows = slice(max(0, first - 1 - start), min(len(logits), len(tokens) - 1 - start))
        following = tokens[start + rows.start + 1 : start + rows.stop + 1]
        if len(following):
            likely = log_softmax(logits[rows])
            total += float(likely[np.arange(len(following)), following].sum(dtype=np.float64))
    if not np.isfinite(total):
        raise EngineError("logits are NaN or infinite")
    return total


def hold(request: ParityRequest, log: list[str]) -> dict[str, float]:
    """Compare a model with logits in files.

    Returns:
        How many predictions there were, their top-1 agreement, their mean KL divergence, and how many texts
        become other tokens.

    Raises:
        EngineError: The model cannot be used, or has another vocabulary.
    """
    divergences: list[NDArray[np.float64]] = []
    agreements: list[NDArray[np.bool_]] = []
    others = 0
    with Engine(Path(request.model), context=request.context, threads=request.threads, log=log) as engine:
        for document in json.loads(Path(request.documents).read_text(encoding="utf-8")):
            tokens = np.array(document["tokens"], np.int32)
            others += not np.array_equal(engine.tokens(document["text"], special=True), tokens)
            expected = np.load(document["logits"], mmap_mode="r")
            if expected.shape[1] < engine.vocabulary:
                raise EngineError(
                    f"it has {engine.vocabulary:,} tokens, and the checkpoint {expected.shape[1]:,}"
                )
            engine.restart()
            for start in range(0, len(tokens), engine.piece):
                found = engine.feed(tokens[start : start + engine.piece])
                first, last = document["first"], len(tokens) - 1
                rows = slice(max(0, first - start), min(engine.piece, last - start))
                if found is None or rows.stop <= rows.start:
                    continue
                wanted = expected[start + rows.start - first : start + rows.stop - first]
                # Rows of padding that a checkpoint has and its GGUF has not stand for no token.
                theirs = log_softmax(np.asarray(wanted[:, : engine.vocabulary]))
                ours = log_softmax(found[rows])
                divergences.append((np.exp(theirs) * (theirs - ours)).sum(axis=1, dtype=np.float64))
                agreements.append(theirs.argmax(axis=1) == ours.argmax(axis=1))
    every = np.concatenate(divergences)
    return {
        "tokens": len(every),
        "top1": float(np.concatenate(agreements).mean()),
        "kl_mean": max(0.0, float(every.mean())),
        "other_tokens": others,
    }
