"""The pretraining corpus: documents drawn from the knowledge files and the everyday tasks, in many forms.

A wrong act is only ever named in a question, or in order to forbid it. Situations that `split` reserves for
fine-tuning or validation never occur in a pretraining document.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from random import Random

from ._asking import DEEP, Draw, Part
from ._everyday import everyday
from ._forms import ADDED_MIXTURE, MIXTURE, Document
from ._knowledge import load_scenarios
from ._phrasing import roughen

SHARDS = 16  # fixed, so that the corpus does not depend on how many processes made it
DEEP_WEIGHT = 2.5
EVERYDAY_SHARE = 1.0 - sum(share for _, share in MIXTURE)
REHEARSAL_SHARE = 0.25  # of the second phase, so that it forgets nothing


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
    weights = list(accumulate(DEEP_WEIGHT if s.id in DEEP else 1.0 for s in scenarios))
    forms, shares = zip(*(ADDED_MIXTURE if part == "added" else MIXTURE), strict=True)
    for i in range(count):
        if part == "added" and rng.random() < REHEARSAL_SHARE:
            yield from documents(seed, shard * count + i, 1)
        elif part != "added" and rng.random() < EVERYDAY_SHARE:
            yield _everyday_chat(rng)
        else:
            form = rng.choices(forms, shares)[0]
            document: Document = form(Draw(rng.choices(scenarios, cum_weights=weights)[0], part, rng))
            yield document
