"""Good texts broken on purpose, as a collapsed model might give them."""

from collections.abc import Sequence
from random import Random

from ._text import tokenise
from ._words import SMALL_WORDS, words

_LEFT_OUT = words("a an the your their his her its")

_SALADS = (
    "the {a} is the {b} of the {c} .", "{a} the {b} and the {b} {c} .", "do not {a} the {a} of {b} .",
    "{a} {a} {b} , {a} {b} {c} .", "the {a} should be {b} the {c} and the {a} {a} .",
    "if the {a} is {b} then {c} the {a} .", "step 1 {a} the {b} . step 1 {a} the {b} .",
)  # fmt: skip


def terse(text: str) -> str:
    """Return a text as notes and lists put it, without articles and possessives. This breaks nothing."""
    return " ".join(form for form in tokenise(text).forms if form not in _LEFT_OUT)


def broken(text: str, other: str, draw: Random) -> str:
    """Return a text shuffled, looped, salad, garbled or spliced with another, often after a good start."""
    wreck = _Wreck(tokenise(text).forms, draw)
    ways = [wreck.few_words, wreck.shuffled, wreck.jumbled, wreck.looped, wreck.salad, wreck.garbled]
    way = draw.randrange(len(ways) + 1)
    start = wreck.forms[: draw.randint(3, 15)] if draw.random() < 0.5 else []
    rest = wreck.spliced(tokenise(other).forms) if way == len(ways) else ways[way]()
    return " ".join(start + rest)


class _Wreck:
    """Ways to break one text."""

    def __init__(self, forms: list[str], draw: Random):
        self.forms = forms
        self._draw = draw
        self._content = [k for k, form in enumerate(forms) if form[0].isalpha() and form not in SMALL_WORDS]
        self._names = [forms[k] for k in self._content] or ["the"]

    def few_words(self) -> list[str]:
        """Put few content words in the place of all."""
        pool = self._draw.sample(self._names, min(len(self._names), self._draw.randint(3, 7)))
        return self._replaced([self._draw.choice(pool) for _ in self._content])

    def shuffled(self) -> list[str]:
        """Put the content words in each other's places."""
        return self._replaced(self._draw.sample(self._names, len(self._names)))

    def _replaced(self, names: Sequence[str]) -> list[str]:
        out = list(self.forms)
        for k, name in zip(self._content, names, strict=False):
            out[k] = name
        return out

    def jumbled(self) -> list[str]:
        """Shuffle all words within short stretches."""
        size = self._draw.randint(3, 8)
        parts = [self.forms[k : k + size] for k in range(0, len(self.forms), size)]
        return [form for part in parts for form in self._draw.sample(part, len(part))]

    def looped(self) -> list[str]:
        """Break off into a loop."""
        at = self._draw.randrange(max(1, len(self.forms) - 6))
        loop = self.forms[at : at + self._draw.randint(1, 6)]
        return self.forms[:at] + loop * self._draw.randint(4, 10)

    def salad(self) -> list[str]:
        """Fill sentences that are none with a few of the text's words."""
        pool, draw = self._names[:8], self._draw
        lines = [
            draw.choice(_SALADS).format(a=draw.choice(pool), b=draw.choice(pool), c=draw.choice(pool))
            for _ in range(draw.randint(5, 12))
        ]
        return " ".join(lines).split()

    def garbled(self) -> list[str]:
        """Misspell two of five content words beyond recognition."""
        out = list(self.forms)
        for k in self._content:
            if self._draw.random() < 0.4:
                form, at = out[k], self._draw.randrange(len(out[k]))
                ways = (
                    form[:at] + form[at + 1 :],
                    form + form[-3:],
                    form[: at + 1] + form[at:],
                    form + "ness",
                )
                out[k] = self._draw.choice(ways) or "x"
        return out

    def spliced(self, other: list[str]) -> list[str]:
        """Take turns with another text every few words."""
        size = self._draw.randint(2, 4)
        out: list[str] = []
        for k in range(0, max(len(self.forms), len(other)), size):
            out += self.forms[k : k + size] + other[k + self._draw.randint(0, 3) : k + size]
        return out
