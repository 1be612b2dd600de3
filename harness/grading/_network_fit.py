"""Training of networks, side by side: to guess hidden words, then to tell dangerous sentences from others.

A network this small keeps a GPU waiting for its next order; several take less time at once than in turn.
"""

from collections import Counter
from collections.abc import Callable, Sequence
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
DROPPED = 0.2  # share of activations that a layer loses
SMOOTH = 0.03  # labels are no surer than this
BATCH, RATE, DECAY, WARM = 1024, 2e-3, 0.05, 0.05
HEAVIEST = 8.0


class Sentences(NamedTuple):
    """What is read: one entry a sentence; ``lexicon`` tells what the numbers stand for."""

    lexicon: Lexicon
    lines: Lines
    scenario: NDArray[np.int64]


class Lesson(NamedTuple):
    """What one network learns, one entry a sentence.

    Attributes:
        dangerous: 1 for a dangerous sentence, 0 for one that is not; or a probability.
        weight: What the sentence counts; 0 for one whose label is not to be learned from. Its words are
            guessed all the same, if another lesson learns from it.
        lost: Share of the words that the network does not see while it learns, others each time.
    """

    dangerous: NDArray[np.floating]
    weight: NDArray[np.floating]
    lost: float


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
        def there(values: NDArray[np.generic]) -> Tensor:
            return torch.from_numpy(values).to(device=device, dtype=torch.int64)

        lines = data.lines
        self.words, self.sizes = there(lines.words), there(lines.sizes)
        self.marks, self.counts = there(lines.marks), there(lines.counts)
        self.scenario = there(data.scenario)
        self.first = self.sizes.cumsum(0) - self.sizes
        self.first_mark = self.counts.cumsum(0) - self.counts
        self.device = device

    def laid_out(self, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the words of sentences with gaps between, which places hold words, and whose they are."""
        room = self.sizes[which] + REACH
        owner = torch.repeat_interleave(torch.arange(len(which), device=self.device), room)
        place = torch.arange(len(owner), device=self.device) - (room.cumsum(0) - room)[owner]
        real = place < self.sizes[which][owner]
        at = (self.first[which][owner] + place).clamp(max=len(self.words) - 1)
        return self.words[at] * real[:, None], real, owner

    def marks_of(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """Return the marks of sentences and whose each is."""
        counts = self.counts[which]
        owner = torch.repeat_interleave(torch.arange(len(which), device=self.device), counts)
        nth = torch.arange(len(owner), device=self.device) - (counts.cumsum(0) - counts)[owner]
        return self.marks[self.first_mark[which][owner] + nth], owner


class _Nets(nn.Module):
    """Networks of ``_network`` as they are trained; all tensors have one entry a network first.

    Args:
        lexicon: What the numbers of sentences stand for.
        lost: Share of words that each network loses.
    """

    def __init__(self, lexicon: Lexicon, lost: Sequence[float]):
        super().__init__()
        self.count = count = len(lost)
        self.lost: Tensor
        self.register_buffer("lost", torch.tensor(lost).view(count, 1, 1), persistent=False)

        def table(rows: int, columns: int, spread: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(count, rows, columns) * spread)

        def drawn(fed: int, *shape: int) -> nn.Parameter:
            return nn.Parameter((torch.rand(count, *shape) * 2 - 1) * fed**-0.5)

        around = (2 * REACH + 1) * WIDTH
        self.word = table(len(lexicon.words) + 1, DEPTH, 0.3)
        self.kind = table(len(lexicon.kinds) + 1, DEPTH, 0.3)
        self.state, self.gate = table(STATES, DEPTH, 0.3), table(STATES, DEPTH, 0)
        self.opens = table(2, DEPTH, 0.3)
        self.topic_word, self.topic_gate = table(len(SCENARIOS), DEPTH, 0.3), table(len(SCENARIOS), DEPTH, 0)
        self.topic, self.mark = table(len(SCENARIOS), WIDTH, 1), table(len(lexicon.marks) + 1, MARKED, 0.05)
        self.enter, self.enter_bias = drawn(DEPTH, DEPTH, WIDTH), drawn(DEPTH, WIDTH)
        for layer in range(LAYERS):
            setattr(self, f"convolution_{layer}", drawn(around, around, WIDTH))
            setattr(self, f"convolution_bias_{layer}", drawn(around, WIDTH))
            setattr(self, f"scale_{layer}", nn.Parameter(torch.ones(count, WIDTH)))
            setattr(self, f"shift_{layer}", nn.Parameter(torch.zeros(count, WIDTH)))
        self.attention, self.attention_bias = drawn(WIDTH, WIDTH), drawn(WIDTH, 1)
        self.said = drawn(MARKED, MARKED, WIDTH)
        self.inner, self.inner_bias = drawn(3 * WIDTH, 3 * WIDTH, WIDTH), drawn(3 * WIDTH, WIDTH)
        self.outer, self.outer_bias = drawn(WIDTH, WIDTH), drawn(WIDTH, 1)
        self.guess, self.guess_bias = drawn(WIDTH, WIDTH, DEPTH), drawn(WIDTH, DEPTH)
        self.drop = nn.Dropout(DROPPED)

    def of(self, number: int) -> dict[str, Floats]:
        """Return the weights of one network by name, as ``Network`` takes them."""
        kept = {name: value for name, value in self.state_dict().items() if not name.startswith("guess")}
        return {name: value[number].cpu().numpy().astype(np.float32) for name, value in kept.items()}

    def _look(self, table: Tensor, ids: Tensor) -> Tensor:
        """Return each network's rows of its own table, of shape ``(networks, ids, columns)``."""
        side_by_side = table.transpose(0, 1).flatten(1)  # or sorting the ids by network takes most of a step
        found = functional.embedding(ids, side_by_side)
        return found.view(len(ids), self.count, table.shape[2]).transpose(0, 1)

    def _look_for_most(self, table: Tensor, ids: Tensor, share: Tensor) -> Tensor:
        """Look words or classes up, a share of which is unknown to one network or another."""
        found = self._look(table, ids)
        lost = torch.rand(self.count, len(ids), 1, device=ids.device) < share
        return torch.where(lost, table[:, UNKNOWN, None], found)

    def _words(self, words: Tensor, real: Tensor, scenario: Tensor, covered: Tensor | None) -> Tensor:
        """Return what each word is in its surroundings.

        Args:
            words: As in ``Lines``, with gaps where ``real`` is false.
            real: Where words are.
            scenario: Of each place.
            covered: Places whose words are kept back from all networks; else each loses some by chance.
        """
        word, kind, state, opens = words.unbind(1)
        if covered is None:
            seen = self._look_for_most(self.word, word, self.lost)
            seen = seen + self._look_for_most(self.kind, kind, self.lost / 2)
        else:
            seen = self._look(self.word, torch.where(covered, UNKNOWN, word))
            seen = seen + self._look(self.kind, torch.where(covered, UNKNOWN, kind))
        # Tables this small are looked up by a product: its gradient is one too.
        which = torch.cat([_ones(state, STATES), _ones(scenario, len(SCENARIOS)), _ones(opens, 2)], dim=1)
        gates = torch.cat([self.gate, self.topic_gate], dim=1)
        adds = torch.cat([self.state, self.topic_word, self.opens], dim=1)
        seen = seen * (1 + torch.matmul(which[:, :-2], gates)) + torch.matmul(which, adds)
        hidden: Tensor = self.drop(_gelu(torch.baddbmm(self.enter_bias[:, None], seen, self.enter)))
        count = len(real)
        for layer in range(LAYERS):
            scale, shift, bias = (
                getattr(self, f"{name}_{layer}")[:, None] for name in ("scale", "shift", "convolution_bias")
            )
            normed = functional.layer_norm(hidden, (WIDTH,)) * scale + shift
            row = functional.pad(normed * real[:, None], (0, 0, REACH, REACH))
            around = torch.cat([row[:, k : k + count] for k in range(2 * REACH + 1)], dim=2)
            matrix = getattr(self, f"convolution_{layer}")
            hidden = hidden + self.drop(_gelu(torch.baddbmm(bias, around, matrix)))
        return hidden

    def guessed(self, batches: _Batches, which: Tensor) -> Tensor:
        """Return the loss of guessing words that were hidden, by network."""
        words, real, owner = batches.laid_out(which)
        asked = (torch.rand(len(words), device=words.device) < HIDDEN) & real
        read = self._words(words, real, batches.scenario[which][owner], asked)
        asked &= words[:, 0] != UNKNOWN
        at = asked.nonzero()[:, 0]
        guess = torch.baddbmm(self.guess_bias[:, None], read.index_select(1, at), self.guess)
        odds = torch.bmm(guess, self.word.transpose(1, 2))
        right = words[at, 0].expand(self.count, -1)
        each = functional.cross_entropy(odds.flatten(0, 1), right.flatten(), reduction="none")
        return each.view(self.count, -1).mean(1)

    def forward(self, batches: _Batches, which: Tensor) -> Tensor:
        """Return the scores of sentences, of shape ``(networks, sentences)``."""
        words, real, owner = batches.laid_out(which)
        scenario = batches.scenario[which]
        read = self._words(words, real, scenario[owner], None)
        blank = read.new_zeros(self.count, len(which), WIDTH)
        spread = owner[None, :, None].expand_as(read)
        gaps = ~real[:, None]
        most = blank.scatter_reduce(1, spread, read.masked_fill(gaps, -torch.inf), "amax", include_self=False)
        weight = torch.matmul(read, self.attention[:, :, None]) + self.attention_bias[:, :, None]
        weight = weight.clamp(-STEEP, STEEP).exp().masked_fill(gaps, 0)
        mean = blank.index_add(1, owner, read * weight)
        mean = mean / read.new_zeros(self.count, len(which), 1).index_add(1, owner, weight)
        marks, owner = batches.marks_of(which)
        said = read.new_zeros(self.count, len(which), MARKED)
        said = said.index_add(1, owner, self._look(self.mark, marks))
        context = torch.bmm(said, self.said) + torch.matmul(_ones(scenario, len(SCENARIOS)), self.topic)
        pooled = self.drop(torch.cat([most, mean, context], dim=2))
        inner = self.drop(_gelu(torch.baddbmm(self.inner_bias[:, None], pooled, self.inner)))
        return torch.matmul(inner, self.outer[:, :, None]).squeeze(2) + self.outer_bias


def _ones(ids: Tensor, count: int) -> Tensor:
    return functional.one_hot(ids, count).float()


def _gelu(values: Tensor) -> Tensor:
    return functional.gelu(values, approximate="tanh")


class _Telling:
    """The loss of telling dangerous sentences from others, by network."""

    def __init__(self, nets: _Nets, lessons: Sequence[Lesson], device: str):
        self.nets = nets
        wanted = torch.from_numpy(np.stack([one.dangerous for one in lessons])).float().to(device)
        weight = torch.from_numpy(np.stack([one.weight for one in lessons])).float().to(device)
        self.wanted = wanted * (1 - 2 * SMOOTH) + SMOOTH
        self.weight = weight.clamp(max=HEAVIEST)

    def __call__(self, batches: _Batches, which: Tensor) -> Tensor:
        scores, weight = self.nets(batches, which), self.weight[:, which]
        each = functional.binary_cross_entropy_with_logits(scores, self.wanted[:, which], reduction="none")
        return (each * weight).sum(1) / weight.sum(1).clamp(min=1e-6)


def train(
    data: Sentences,
    lessons: Sequence[Lesson],
    device: str,
    say: Callable[[str], None],
    *,
    seed: int = 0,
) -> list[dict[str, Floats]]:
    """Train one network a lesson; return the weights of each by name, as ``Network`` takes them.

    Args:
        data: All sentences; those without words, and those that no lesson is about, are passed over.
        lessons: What each network learns.
        device: Where torch computes. On a CPU the same number of threads gives the same weights; a GPU adds
            in no fixed order, so that two trainings drift apart.
        say: Is told of each round.
        seed: Of the first weights, of the order of sentences and of what is hidden.
    """
    torch.manual_seed(seed)
    torch.backends.cuda.matmul.allow_tf32 = True  # factors of ten binary digits are enough
    nets, batches = _Nets(data.lexicon, [one.lost for one in lessons]), _Batches(data, device)
    nets.to(device)
    counts = np.any([one.weight > 0 for one in lessons], axis=0)
    which = torch.from_numpy(np.flatnonzero(counts & (data.lines.sizes > 0))).to(device)
    mean: dict[str, Tensor] = {}
    telling = _Telling(nets, lessons, device)
    for name, times, loss in (("guess", GUESSING, nets.guessed), ("tell", TELLING, telling)):
        optimizer = torch.optim.AdamW(nets.parameters(), lr=RATE, weight_decay=DECAY, betas=(0.9, 0.98))
        steps, done = times * -(-len(which) // BATCH), 0
        for number in range(times):
            for batch in torch.split(which[torch.randperm(len(which), device=device)], BATCH):
                for group in optimizer.param_groups:
                    group["lr"] = RATE * min(1.0, (done + 1) / (WARM * steps)) * (1 - done / steps)
                found = loss(batches, batch)
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(found.sum())
                _clip(nets)
                optimizer.step()
                done += 1
                if name == "tell" and done > SETTLED * steps and done % EVERY == 0:
                    for part, value in nets.state_dict().items():
                        mean[part] = value.lerp(mean[part], FADING) if part in mean else value.clone()
            say(f"networks, to {name}: round {number + 1} of {times}, loss {found.mean().item():.3f}")
    if mean:
        nets.load_state_dict(mean)
    return [nets.of(number) for number in range(len(lessons))]


def _clip(nets: _Nets) -> None:
    """Let no network's gradient be longer than 1."""
    slopes = [value.grad for value in nets.parameters() if value.grad is not None]
    length = torch.stack([slope.flatten(1).norm(dim=1) for slope in slopes]).norm(dim=0)
    factor = (1 / (length + 1e-6)).clamp(max=1)
    for slope in slopes:
        slope.mul_(factor.view(-1, *(1,) * (slope.dim() - 1)))
