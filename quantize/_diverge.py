"""How far a quantized model has moved from its reference: a screen that explains, and never decides."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quant_triage.data import ModelError, Record, UsageError, usable_cores

from ._gguf import read_header
from ._kinds import KINDS, Kind
from ._native import native
from ._protocol import DivergeRequest, Event

RAW_CONTEXT = 512
"""Tokens in a chunk of raw text; llama-perplexity's default."""
CONTEXT = 2048
"""Most tokens of an exchange."""
_DRAWS = 2000
Column = NDArray[np.float64]


class KindDivergence(Record):
    """The same at tokens of one kind: numbers, negations, all others."""

    tokens: int
    kl_mean: float
    top1: float


class FirstDifference(Record):
    """Where greedy decoding would first leave the reference's reply.

    Attributes:
        documents: Replies.
        diverged: How many of them would be left at all.
        median_token: At which token of the reply, half of these earlier; None if none is left.
        kinds: How many first differences are at numbers, negations, other tokens.
    """

    documents: int
    diverged: int
    median_token: float | None
    kinds: dict[Kind, int]


class Divergence(Record):
    """A model against its reference on the same tokens.

    Attributes:
        kl_mean: Mean Kullback-Leibler divergence of the next-token distributions, reference first, in nats.
        kl_interval: 95 % interval of that mean, from a bootstrap that draws whole documents.
        kl_p99: Its 99th percentile over tokens.
        top1: Share of tokens where both find the same token likeliest.
        ppl_ref: Perplexity of the reference, exp of the mean negative log-likelihood.
        ppl: Perplexity of the model.
        tokens: How many were scored.
        documents: In how many replies, or chunks of raw text.
        raw: Whether on raw text, as llama-perplexity does it.
        kinds: The same at numbers, at negations and elsewhere.
        first: Where replies first differ; None for raw text.
    """

    kl_mean: float
    kl_interval: tuple[float, float]
    kl_p99: float
    top1: float
    ppl_ref: float
    ppl: float
    tokens: int
    documents: int
    raw: bool
    kinds: dict[Kind, KindDivergence]
    first: FirstDifference | None


def diverge(
    reference: Path,
    models: Sequence[Path],
    documents: str | Sequence[tuple[str, str]],
    *,
    context: int | None = None,
    threads: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Divergence]:
    """Compare models with a reference of the same vocabulary, which reads the documents once for all of them.

    Args:
        reference: The unquantized GGUF.
        models: Others of the same model; all are in memory together.
        documents: Raw text; or rendered exchanges: what stands before each reply, and the reply.
        context: Tokens in a chunk of raw text (512), or most tokens of an exchange (2048, or the model's own
            limit).
        threads: CPU threads; 0 takes all that this process may use.
        on_progress: Told documents done, and all.

    Returns:
        One divergence a model, in their order.

    Raises:
        UsageError: A file is no GGUF, the vocabularies differ, or the text is too short.
        ModelError: A model does not load, or crashes.
    """
    header = read_header(reference)
    for model in models:
        read_header(model)
    raw = isinstance(documents, str)
    if context is None:
        limit = header.metadata.get(f"{header.metadata.get('general.architecture')}.context_length")
        most = RAW_CONTEXT if raw else CONTEXT
        context = min(most, limit) if isinstance(limit, int) else most
    with tempfile.TemporaryDirectory(prefix="quant-triage-") as folder, native() as child:
        texts = Path(folder) / "documents.json"
        texts.write_text(json.dumps([documents] if raw else list(documents)), encoding="utf-8")
        targets = {str(model): str(Path(folder) / f"{number}.npz") for number, model in enumerate(models)}
        request = DivergeRequest(
            reference=str(reference),
            targets=targets,
            documents=str(texts),
            raw=raw,
            context=context,
            threads=threads or usable_cores(),
        )

        def follow(event: Event) -> None:
            if on_progress is not None:
                on_progress(event.done, event.total)

        try:
            child.call(request, follow)
        except ModelError as error:
            if error.status == "quantize_failed":
                names = ", ".join(model.name for model in models)
                raise UsageError(f"cannot compare {reference.name} with {names}: {error.cause}") from error
            raise
        return [_summary(_columns(targets[str(model)]), raw=raw) for model in models]


def _columns(file: str) -> dict[str, Column]:
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _summary(columns: dict[str, Column], *, raw: bool) -> Divergence:
    kl, top, kinds = columns["kl"], columns["same_top"], columns["kind"]
    parts = {}
    for number, kind in enumerate(KINDS):
        chosen = kinds == number
        if chosen.any():
            parts[kind] = KindDivergence(
                tokens=int(chosen.sum()), kl_mean=float(kl[chosen].mean()), top1=float(top[chosen].mean())
            )
    return Divergence(
        kl_mean=float(kl.mean()),
        kl_interval=_interval(kl, columns["document"]),
        kl_p99=float(np.quantile(kl, 0.99)),
        top1=float(top.mean()),
        ppl_ref=float(np.exp(columns["nll_reference"].mean())),
        ppl=float(np.exp(columns["nll"].mean())),
        tokens=len(kl),
        documents=len(np.unique(columns["document"])),
        raw=raw,
        kinds=parts,
        first=None if raw else _first(columns),
    )


def _interval(values: Column, documents: Column) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over tokens; whole documents are drawn: their tokens are alike."""
    _, inverse = np.unique(documents, return_inverse=True)
    sums, counts = np.bincount(inverse, values), np.bincount(inverse)
    draws = np.random.default_rng(0).integers(0, len(sums), (_DRAWS, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _first(columns: dict[str, Column]) -> FirstDifference:
    places: list[int] = []
    kinds = dict.fromkeys(KINDS, 0)
    documents = np.unique(columns["document"])
    for document in documents:
        chosen = columns["document"] == document
        differs = np.flatnonzero(columns["same_top"][chosen] == 0)
        if len(differs):
            places.append(int(differs[0]))
            kinds[KINDS[int(columns["kind"][chosen][differs[0]])]] += 1
    return FirstDifference(
        documents=len(documents),
        diverged=len(places),
        median_token=float(np.median(places)) if places else None,
        kinds=dict(kinds),
    )
