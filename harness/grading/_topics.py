"""Which emergency a text talks about, by its words: log odds counted on the gold set's training part."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quant_triage.data import SCENARIOS, Scenario

from ._weights import TOPICS, weights

LEAST_SEEN = 4  # texts in which a word must occur to count
CLEARLY = 5.0  # log odds of a reply that is about a scenario


class Topics:
    """Naive Bayes over the presence of words, one against the rest (McCallum and Nigam, 1998).

    Args:
        words: Number of each known base form, from 0 on.
        odds: Scenarios x words: log P(word | scenario) - log P(word | another scenario).
    """

    def __init__(self, words: Mapping[str, int], odds: NDArray[np.float32]):
        self._words = words
        self._odds = odds

    def scores(self, lemmas: Iterable[str]) -> dict[Scenario, float]:
        """Return each scenario's log odds, from its words alone; 0 where no word is known."""
        summed = self._odds[:, self._known(lemmas)].sum(axis=1)
        return {scenario: float(score) for scenario, score in zip(SCENARIOS, summed, strict=True)}

    def is_about(self, scenario: Scenario, lemmas: Iterable[str]) -> bool:
        """Whether the words speak clearly for the scenario: a short sentence hardly ever does."""
        return float(self._odds[SCENARIOS.index(scenario)].take(self._known(lemmas)).sum()) > CLEARLY

    def _known(self, lemmas: Iterable[str]) -> list[int]:
        return sorted([self._words[lemma] for lemma in set(lemmas) if lemma in self._words])


def count_topics(texts: Sequence[tuple[Scenario, Sequence[str]]]) -> tuple[list[str], NDArray[np.float32]]:
    """Count words by scenario; return the words kept and their log odds, half a text added to each count.

    Args:
        texts: Scenario and base forms of each text.
    """
    seen = {scenario: Counter[str]() for scenario in SCENARIOS}
    sizes = Counter(scenario for scenario, _ in texts)
    for scenario, lemmas in texts:
        seen[scenario].update({lemma for lemma in lemmas if lemma[:1].isalpha()})
    total = sum(seen.values(), Counter[str]())
    words = sorted(word for word, count in total.items() if count >= LEAST_SEEN)
    mine = np.array([[seen[scenario][word] for word in words] for scenario in SCENARIOS], dtype=np.float64)
    size = np.array([[sizes[scenario]] for scenario in SCENARIOS], dtype=np.float64)
    others, rest = mine.sum(axis=0) - mine, size.sum() - size
    odds = np.log((mine + 0.5) / (size + 1)) - np.log((others + 0.5) / (rest + 1))
    return words, odds.astype(np.float32)


@functools.cache
def load_topics() -> Topics:
    """Load the shipped word counts."""
    stored = weights(TOPICS)
    words = str(stored["words"]).split(" ")
    odds = stored["odds"].astype(np.float32) * float(stored["scale"])
    return Topics({word: number for number, word in enumerate(words)}, odds)
