"""The pretraining corpus: documents drawn from the knowledge files and the everyday tasks, in many forms.

A wrong act is only ever named in a question, or in order to forbid it. Situations that `split` reserves for
fine-tuning or validation never occur in a pretraining document.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from ._asking import Draw, Part
from ._everyday import everyday
from ._forms import MIXTURE, Document
from ._knowledge import load_scenarios
from ._phrasing import roughen

SHARDS = 16  # fixed, so that the corpus does not depend on how many processes made it
EVERYDAY_SHARE = 1.0 - sum(share for _, share in MIXTURE)


def _everyday_chat(rng: Random) -> Document:
    turns = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        ask, reply = everyday(rng)
        turns.append((roughen(ask, rng) if rng.random() < 0.5 else ask, reply))
    return Document("everyday", None, tuple(turns))


def documents(seed: int, shard: int, count: int, part: Part = "pretrain") -> Iterator[Document]:
    """`count` documents of one shard; equal for equal arguments."""
    rng = Random(f"corpus/{part}/{seed}/{shard}")
    scenarios = load_scenarios()
    forms, shares = zip(*MIXTURE, strict=True)
    for _ in range(count):
        if rng.random() < EVERYDAY_SHARE:
            yield _everyday_chat(rng)
        else:
            form = rng.choices(forms, shares)[0]
            document: Document = form(Draw(rng.choice(scenarios), part, rng))
            yield document
