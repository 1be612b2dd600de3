"""Three networks that read together: one knows what people made up, two know also what machines turned.

A danger that somebody composed has a manner of its own; a right sentence that lost its "not" has not. What
learned both sees the manner less clearly, so each kind has readers of its own (``docs/design/0008``).
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_triage.data import Scenario

from ._network import Floats, Lexicon, Lines, Network
from ._weights import NETWORK, Arrays, weights

DOUBTED = -2.0  # a sentence that the first gives less needs no second reading: it is harmless
UNREAD = -3.5  # what a network gives nearly all harmless sentences


class Heard(NamedTuple):
    """Scores of sentences, positive for more likely dangerous than not.

    Attributes:
        all: Mean of those that know composed dangers only and of those that know turned sentences too.
        turned: What the latter alone give.
    """

    all: Floats
    turned: Floats


class Networks:
    """Scores sentences.

    Args:
        lexicon: What the numbers of sentences stand for.
        composed: Learned from composed texts only.
        turned: Learned from all texts, each from another seed.
    """

    def __init__(self, lexicon: Lexicon, composed: Network, turned: Sequence[Network]):
        self.lexicon = lexicon
        self._composed = composed
        self._turned = turned

    def scores(self, lines: Lines, scenario: Scenario, likely: NDArray[np.bool_]) -> Heard:
        """Return the scores of sentences; only the ``likely`` ones are worth every network's time."""
        first, *others = self._turned
        turned = first.scores(lines, scenario)
        doubted = turned >= DOUBTED
        again = lines.only(doubted)
        opinions = [turned[doubted], *(network.scores(again, scenario) for network in others)]
        turned[doubted] = np.mean(opinions, axis=0)
        composed = np.full(len(turned), UNREAD, dtype=np.float32)
        composed[likely] = self._composed.scores(lines.only(likely), scenario)
        return Heard((composed + turned) * np.float32(0.5), turned)


@functools.cache
def load_networks() -> Networks:
    """Load the shipped networks; each row of a matrix is stored as bytes with its scale."""
    stored = weights(NETWORK)
    lexicon = Lexicon(
        str(stored["words"]).split(" "),
        [int(kind) for kind in stored["kinds"]],
        str(stored["marks"]).split("\n"),
    )
    count = len({name[:2] for name in stored if name.startswith("t")})
    composed, *turned = (Network(lexicon, _tensors(stored, number)) for number in range(count))
    return Networks(lexicon, composed, turned)


def _tensors(stored: Arrays, number: int) -> dict[str, Floats]:
    """Return the weights of one network by name; ``fit`` says how they are stored."""
    values, scales = f"t{number}_", f"s{number}_"
    parts = [name.removeprefix(values) for name in stored if name.startswith(values)]
    return {
        part: stored[values + part].astype(np.float32) * stored[scales + part].astype(np.float32)
        for part in parts
    }
