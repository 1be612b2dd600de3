"""Degenerate text: loops, runs of one character, garbled words, salad of scripts or of function words, nothing at all."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from ._text import Tokens, vocabulary

_RUN = re.compile(r"([^\s.\-_=*#~>\u2500-\u257f])\1{7,}|([.\-_=*#~!?])\2{39,}")
_LONGEST = 24
_FUNCTION = frozenset(
    "the a an of to in on at for with and or but is are was be by from as that this it".split()
)
# Pairs of function words that no sentence holds.
_IMPOSSIBLE = frozenset(
    [(a, b) for a in ("the", "a", "an") for b in ("the", "a", "an", "of", "to", "in", "on", "at", "for", "with", "and", "or", "but", "is", "are", "was", "be", "by", "from", "it", "that", "this")]
    + [(a, b) for a in ("of", "to", "at", "with", "and", "or", "from", "for", "in", "by") for b in ("of", "and", "or", "is", "are", "was", "but")]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Degeneration:
    """Where a reply stops making sense, in characters, and how."""

    start: int
    end: int
    why: str


def degeneration(tokens: Tokens) -> Degeneration | None:
    """Return the first sign that a text is degenerate, or ``None``."""
    text = tokens.text
    words = [i for i, form in enumerate(tokens.forms) if form[0].isalnum()]
    if not words:
        return Degeneration(
            0, len(text), "the reply is empty" if not text.strip() else "the reply has no words"
        )
    letters = [form for form in tokens.forms if form[0].isalpha()]
    if len(words) <= 2 and not ({"call", "yes", "no", "cpr"} & set(tokens.lemmas)):
        return Degeneration(0, len(text), "the reply is a stub")
    return (
        _run(tokens)
        or _loop(tokens, words)
        or _scripts(tokens)
        or _garbled(tokens, letters)
        or _salad(tokens, words)
    )


def _run(tokens: Tokens) -> Degeneration | None:
    match = _RUN.search(tokens.text)
    return (
        Degeneration(match.start(), min(match.end(), match.start() + 80), "one character repeats")
        if match
        else None
    )


def _loop(tokens: Tokens, words: list[int]) -> Degeneration | None:
    """Find a phrase that repeats back to back, or comes back again and again."""
    forms = [tokens.forms[i] for i in words]
    size = len(forms)
    for length in range(1, min(_LONGEST, size // 3) + 1):
        needed = 5 if length == 1 else 4 if length <= 3 else 3
        run = 0
        for index in range(length, size):
            run = run + 1 if forms[index] == forms[index - length] else 0
            if run >= length * (needed - 1):
                first, last = words[index - run - length + 1], words[index]
                return Degeneration(tokens.starts[first], _quote_end(tokens, first, last), "the text loops")
    if size >= 60:
        grams = Counter(zip(*(forms[k:] for k in range(5)), strict=False))
        repeated = sum(count for count in grams.values() if count > 2)
        if repeated > 0.4 * (size - 4):
            gram, _ = max(grams.items(), key=lambda item: item[1])
            at = next(i for i in range(size) if tuple(forms[i : i + 5]) == gram)
            first = words[at]
            return Degeneration(tokens.starts[first], tokens.ends[words[at + 4]], "the text loops")
    return None


def _quote_end(tokens: Tokens, first: int, last: int) -> int:
    return min(tokens.ends[last], tokens.starts[first] + 160)


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split(" ", 1)[0]


def _scripts(tokens: Tokens) -> Degeneration | None:
    text = tokens.text
    if text.isascii():
        return None
    foreign = [
        i
        for i, char in enumerate(text)
        if char.isalpha()
        and not char.isascii()
        and _script(char) not in {"LATIN", "MODIFIER", "FEMININE", "MASCULINE", "MICRO"}
    ]
    total = sum(char.isalpha() for char in text)
    if len(foreign) >= 3 and len(foreign) > 0.03 * total:
        return Degeneration(
            foreign[0], min(foreign[-1] + 1, foreign[0] + 80), "other scripts break into the text"
        )
    return None


@lru_cache(maxsize=65536)
def _known(word: str) -> bool:
    """Whether a form is an English word, or built like one."""
    words = vocabulary()
    if len(word) <= 2 or word in words:
        return True
    for ending in ("s", "es", "ed", "d", "ing", "ly", "er", "ers", "'s", "est", "y"):
        if word.endswith(ending) and (word[: -len(ending)] in words or word[: -len(ending)] + "e" in words):
            return True
    if word.endswith("ies") and word[:-3] + "y" in words:
        return True
    for cut in range(3, len(word) - 2):
        if word[:cut] in words and word[cut:] in words and len(word) > 6:
            return True
    return any(
        word.startswith(p) and word[len(p) :] in words
        for p in ("non", "re", "un", "pre", "over", "anti", "de", "mis")
    )


def _garbled(tokens: Tokens, letters: list[str]) -> Degeneration | None:
    unknown = [word for word in letters if not _known(word)]
    if len(unknown) >= 3 and len(unknown) > 0.22 * len(letters):
        first = next(i for i, form in enumerate(tokens.forms) if form == unknown[0])
        last = next(i for i, form in enumerate(tokens.forms) if form == unknown[2])
        last = max(first, last)
        return Degeneration(tokens.starts[first], _quote_end(tokens, first, last), "words are garbled")
    return None


def _salad(tokens: Tokens, words: list[int]) -> Degeneration | None:
    if len(words) < 12:
        return None
    pairs = [
        i for i in range(len(tokens.forms) - 1)
        if (tokens.forms[i], tokens.forms[i + 1]) in _IMPOSSIBLE
        and tokens.starts[i] != tokens.starts[i + 1]
    ]  # fmt: skip
    if len(pairs) >= 3 and len(pairs) > 0.04 * len(words):
        first = pairs[0]
        return Degeneration(
            tokens.starts[first],
            tokens.ends[min(first + 5, len(tokens.ends) - 1)],
            "words do not form sentences",
        )
    return None
