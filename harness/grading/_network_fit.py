"""Training of the network: first to guess hidden words, then to tell dangerous sentences from others."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from quant_triage.data import SCENARIOS

from ._network import REACH, STEEP, UNKNOWN, Floats, Lexicon, Lines, Spelled
from ._view import STATES

DEPTH, WIDTH, MARKED, LAYERS = 64, 128, 32, 3
SEEN = 3  # times that a word or a mark must occur to be known
GUESSING, TELLING = 18, 32  # rounds over all sentences
# What is kept is a running mean of the weights over the later steps of telling: it errs less elsewhere.
SETTLED, EVERY, FADING = 0.3, 4, 0.98
HIDDEN = 0.2  # share of words to be guessed
LOST, DROPPED = 0.25, 0.2  # words that a sentence loses, activations that a layer does
SMOOTH = 0.03  # labels are no surer than this
BATCH, RATE, DECAY, WARM = 1024, 2e-3, 0.05, 0.05
HEAVIEST = 8.0


class Sentences(NamedTuple):
    """What is learned from: one entry a sentence."""

    lines: Lines
    scenario: NDArray[np.int64]
    dangerous: NDArray[np.float64]
    weight: NDArray[np.float64]


def lexicon_of(sentences: Sequence[Spelled]) -> Lexicon:
    """Return the words and marks that occur often enough, the most frequent first, and all classes."""
    words = Counter(word for one in sentences for word in one.words)
    marks = Counter(mark for one in sentences for mark in one.marks)
    kinds = sorted({kind for one in sentences for kind in one.kinds})
    return Lexicon(_frequent(words), kinds, _frequent(marks))


def _frequent(counts: Counter[str]) -> list[str]:
    return sorted((name for name, n in counts.items() if n >= SEEN), key=lambda name: (-counts[name], name))


class _Batches:
    """Sentences on the device, any of them at a time."""

    def __init__(self, data: Sentences, device: str):
        def there(values: NDArray[np.generic], kind: torch.dtype = torch.int64) -> Tensor:
            return torch.from_numpy(values).to(device=device, dtype=kind)

        lines = data.lines
        self.words, self.sizes = there(lines.words), there(lines.sizes)
        self.marks, self.counts = there(lines.marks), there(lines.counts)
        self.scenario = there(data.scenario)
        self.label = there(data.dangerous, torch.float32)
        self.weight = there(data.weight, torch.float32).clamp(max=HEAVIEST)
        self.first = self.sizes.cumsum(0) - self.sizes
        self.first_mark = self.counts.cumsum(0) - self.counts
        self.device = device

    def shuffled(self, which: Tensor) -> Iterator[Tensor]:
        order = which[torch.randperm(len(which), device=self.device)]
        return (order[begin : begin + BATCH] for begin in range(0, len(order), BATCH))

    def laid_out(self, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the words of sentences with gaps between, which places hold words, and whose they are."""
        room = self.sizes[which] + REACH
        owner = torch.repeat_interleave(torch.arange(len(which), device=self.device), room)
        place = torch.arange(len(owner), device=self.device) - (room.cumsum(0) - room)[owner]
        real = place < self.sizes[which][owner]
        at = (self.first[which][owner] + place).clamp(max=len(self.words) - 1)
        return self.words[at] * real[:, None], real, owner

    def marks_of(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """Return the marks of sentences and where each sentence's begin, for an ``EmbeddingBag``."""
        counts = self.counts[which]
        begin = counts.cumsum(0) - counts
        owner = torch.repeat_interleave(torch.arange(len(which), device=self.device), counts)
        at = self.first_mark[which][owner] + torch.arange(len(owner), device=self.device) - begin[owner]
        return self.marks[at], begin


class _Net(nn.Module):
    """The network of ``_network``, as it is trained."""

    def __init__(self, lexicon: Lexicon):
        super().__init__()
        self.word = nn.Embedding(len(lexicon.words) + 1, DEPTH)
        self.kind = nn.Embedding(len(lexicon.kinds) + 1, DEPTH)
        self.state, self.gate = nn.Embedding(STATES, DEPTH), nn.Embedding(STATES, DEPTH)
        self.opens = nn.Embedding(2, DEPTH)
        self.topic_word, self.topic_gate = (nn.Embedding(len(SCENARIOS), DEPTH) for _ in range(2))
        self.topic = nn.Embedding(len(SCENARIOS), WIDTH)
        for table in (self.word, self.kind, self.state, self.opens, self.topic_word):
            nn.init.normal_(table.weight, std=0.3)
        for table in (self.gate, self.topic_gate):
            nn.init.zeros_(table.weight)
        self.enter = nn.Linear(DEPTH, WIDTH)
        self.convolution = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, 2 * REACH + 1, padding=REACH) for _ in range(LAYERS)
        )
        self.norm = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.attention = nn.Linear(WIDTH, 1)
        self.mark = nn.EmbeddingBag(len(lexicon.marks) + 1, MARKED, mode="sum")
        nn.init.normal_(self.mark.weight, std=0.05)
        self.said = nn.Linear(MARKED, WIDTH, bias=False)
        self.inner, self.outer = nn.Linear(3 * WIDTH, WIDTH), nn.Linear(WIDTH, 1)
        self.guess = nn.Linear(WIDTH, DEPTH)
        self.drop = nn.Dropout(DROPPED)

    def _lose(self, ids: Tensor, real: Tensor, share: float) -> Tensor:
        if not self.training:
            return ids
        lost = (torch.rand(len(ids), device=ids.device) < share) & real
        return torch.where(lost, UNKNOWN, ids)

    def _words(self, words: Tensor, real: Tensor, scenario: Tensor) -> Tensor:
        """Return what each word is in its surroundings; ``words`` has gaps where ``real`` is false."""
        word, kind, state, opens = words.unbind(1)
        seen = self.word(word) + self.kind(kind)
        seen = seen * (1 + self.gate(state) + self.topic_gate(scenario))
        seen = seen + self.state(state) + self.opens(opens) + self.topic_word(scenario)
        hidden = self.drop(_gelu(self.enter(seen)))
        for convolution, norm in zip(self.convolution, self.norm, strict=True):
            row = (norm(hidden) * real[:, None]).t()[None]
            hidden = hidden + self.drop(_gelu(convolution(row)[0].t()))
        out: Tensor = hidden
        return out

    def guessed(self, batches: _Batches, which: Tensor) -> Tensor:
        """Return the loss of guessing words that were hidden."""
        words, real, owner = batches.laid_out(which)
        asked = (torch.rand(len(words), device=words.device) < HIDDEN) & real
        covered = words.clone()
        covered[asked, :2] = UNKNOWN
        hidden = self._words(covered, real, batches.scenario[which][owner])
        asked &= words[:, 0] != UNKNOWN
        return functional.cross_entropy(self.guess(hidden[asked]) @ self.word.weight.t(), words[asked, 0])

    def forward(self, batches: _Batches, which: Tensor) -> Tensor:
        """Return the scores of sentences."""
        words, real, owner = batches.laid_out(which)
        word, kind, state, opens = words.unbind(1)
        lost = torch.stack(
            [self._lose(word, real, LOST), self._lose(kind, real, LOST / 2), state, opens], dim=1
        )
        hidden = self._words(lost, real, batches.scenario[which][owner])
        hidden, owner = hidden[real], owner[real]
        spread = owner[:, None].expand_as(hidden)
        blank = hidden.new_zeros(len(which), WIDTH)
        most = blank.scatter_reduce(0, spread, hidden, "amax", include_self=False)
        weight = self.attention(hidden).squeeze(1).clamp(-STEEP, STEEP).exp()
        mean = blank.index_add(0, owner, hidden * weight[:, None])
        mean = mean / blank.new_zeros(len(which)).index_add(0, owner, weight)[:, None]
        said = self.said(self.mark(*batches.marks_of(which))) + self.topic(batches.scenario[which])
        pooled = self.drop(torch.cat([most, mean, said], dim=1))
        scores: Tensor = self.outer(self.drop(_gelu(self.inner(pooled)))).squeeze(1)
        return scores


def _gelu(values: Tensor) -> Tensor:
    return functional.gelu(values, approximate="tanh")


def train(
    lexicon: Lexicon,
    data: Sentences,
    kept: NDArray[np.bool_],
    device: str,
    say: Callable[[str], None],
    *,
    seed: int = 0,
) -> dict[str, Floats]:
    """Train on the kept sentences; return the weights by name, as ``Network`` takes them.

    Args:
        lexicon: What the numbers of ``data`` stand for.
        data: All sentences.
        kept: Which of them to learn from; those without words are passed over.
        device: Where torch computes. Another device, or another number of threads, gives other last digits.
        say: Is told of each round.
        seed: Of the first weights, of the order of sentences and of what is hidden.
    """
    torch.manual_seed(seed)
    net, batches = _Net(lexicon).to(device), _Batches(data, device)
    which = torch.from_numpy(np.flatnonzero(kept & (data.lines.sizes > 0))).to(device)
    mean: dict[str, Tensor] = {}
    for name, rounds, loss in (("guess", GUESSING, net.guessed), ("tell", TELLING, _telling(net))):
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY, betas=(0.9, 0.98))
        steps, done = rounds * -(-len(which) // BATCH), 0
        for number in range(rounds):
            net.train()
            for batch in batches.shuffled(which):
                for group in optimizer.param_groups:
                    group["lr"] = RATE * min(1.0, (done + 1) / (WARM * steps)) * (1 - done / steps)
                found = loss(batches, batch)
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(found)
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                done += 1
                if name == "tell" and done > SETTLED * steps and done % EVERY == 0:
                    for part, value in net.state_dict().items():
                        mean[part] = value.lerp(mean[part], FADING) if part in mean else value.clone()
            say(f"network, to {name}: round {number + 1} of {rounds}, loss {found.item():.3f}")
    return _laid_out(mean or net.state_dict())


def _telling(net: _Net) -> Callable[[_Batches, Tensor], Tensor]:
    def loss(batches: _Batches, which: Tensor) -> Tensor:
        wanted = batches.label[which] * (1 - 2 * SMOOTH) + SMOOTH
        weight = batches.weight[which]
        each = functional.binary_cross_entropy_with_logits(net(batches, which), wanted, reduction="none")
        return (each * weight).sum() / weight.sum()

    return loss


def _laid_out(of: Mapping[str, Tensor]) -> dict[str, Floats]:
    """Return the weights as matrices that rows are multiplied with."""
    plain = ("word", "kind", "state", "gate", "opens", "topic_word", "topic_gate", "topic", "mark")
    found: dict[str, Tensor] = {name: of[f"{name}.weight"] for name in plain}
    found |= {name: of[f"{name}.weight"].t() for name in ("enter", "said", "inner")}
    found |= {name: of[f"{name}.weight"][0] for name in ("attention", "outer")}
    found |= {f"{name}_bias": of[f"{name}.bias"] for name in ("enter", "inner")}
    found |= {f"{name}_bias": of[f"{name}.bias"][0] for name in ("attention", "outer")}
    for layer in range(LAYERS):
        # (out, in, place) to rows of a word's surroundings, place by place
        found[f"convolution_{layer}"] = of[f"convolution.{layer}.weight"].permute(2, 1, 0).reshape(-1, WIDTH)
        found[f"convolution_bias_{layer}"] = of[f"convolution.{layer}.bias"]
        found[f"scale_{layer}"], found[f"shift_{layer}"] = (
            of[f"norm.{layer}.weight"],
            of[f"norm.{layer}.bias"],
        )
    return {name: tensor.cpu().numpy().astype(np.float32) for name, tensor in found.items()}
