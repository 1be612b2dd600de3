"""Does a GGUF compute what its checkpoint computes? Known before any level is judged."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from quant_triage.data import ModelError, Record, usable_cores

from ._native import native
from ._protocol import ParityRequest

TOP1, KL = 0.995, 1e-3
"""Least top-1 agreement and greatest mean KL divergence of a conversion that kept the model."""


class ExpectedLogits(Record):
    """One exchange as the checkpoint sees it, and as our template renders it.

    Attributes:
        text: In the checkpoint's own template.
        rendered: In the GGUF's template, as our engine renders it.
        tokens: The checkpoint's tokens.
        first: The first token whose logits are there.
        logits: A NumPy file of float32, (tokens from ``first`` to the last but one, vocabulary).
    """

    text: str
    rendered: str
    tokens: tuple[int, ...]
    first: int
    logits: str


class Parity(Record):
    """A conversion held against its checkpoint, over the replies of some exchanges.

    Attributes:
        exchanges: How many.
        tokens: Over how many predictions.
        top1: Share of them where both find the same token likeliest.
        kl_mean: Mean KL divergence, checkpoint first, in nats.
        other_texts: Exchanges that the GGUF's template renders otherwise.
        other_tokens: Exchanges that llama.cpp splits into other tokens.
    """

    exchanges: int
    tokens: int
    top1: float
    kl_mean: float
    other_texts: int
    other_tokens: int

    @property
    def suspects(self) -> tuple[str, ...]:
        """What is wrong, most likely cause first; empty if nothing is."""
        found = []
        if self.other_texts:
            found.append(
                f"template ({self.other_texts} of {self.exchanges} exchanges are rendered otherwise)"
            )
        if self.other_tokens:
            found.append(f"tokenizer ({self.other_tokens} of {self.exchanges} are split otherwise)")
        if self.top1 < TOP1 or self.kl_mean > KL:
            found.append(
                f"tensors missing or altered (top-1 agreement {self.top1:.2%}, KL {self.kl_mean:.2g}; "
                f"at least {TOP1:.1%} and at most {KL:g} are expected)"
            )
        return tuple(found)


def check_parity(gguf: Path, expected: Sequence[ExpectedLogits], *, threads: int = 0) -> Parity:
    """Run the checkpoint's own tokens through a GGUF and compare the logits.

    Raises:
        ModelError: The GGUF does not load (tensors are missing), crashes, or has another vocabulary.
    """
    with tempfile.TemporaryDirectory(prefix="quant-triage-") as folder, native() as child:
        documents = Path(folder) / "documents.json"
        documents.write_text(json.dumps([item.model_dump() for item in expected]), encoding="utf-8")
        request = ParityRequest(
            model=str(gguf),
            documents=str(documents),
            context=max(len(item.tokens) for item in expected),
            threads=threads or usable_cores(),
        )
        try:
            facts = json.loads(child.call(request))
        except ModelError as error:
            if error.status == "quantize_failed":
                raise ModelError("not_loaded", f"{gguf.name}: {error.cause}") from error
            raise
    return Parity(
        exchanges=len(expected),
        other_texts=sum(item.text != item.rendered for item in expected),
        **facts,
    )
