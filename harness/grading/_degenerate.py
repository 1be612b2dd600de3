"""Degenerate text: loops, counting, garbled words, salad, empty lists, leaked dialogue, nothing at all.

A collapsed model often begins well and decays, so a window slides over the reply. Being cut off by the
token limit is none of these.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ._lemmas import vocabulary
from ._text import Tokens
from ._words import CACHED_WORDS, SMALL_WORDS, words

_WINDOW = 20
_LONGEST_PHRASE = 24
_QUOTE = 160
_RUN = re.compile(r"([^\s.\-_=*#~>\u2500-\u257f])\1{7,}|([.\-_=*#~!?])\2{39,}")
_RUNS_FROM = 8
# Words as letters: one five times on end, two or three words four times, more three times.
_LOOP = re.compile(rf"(.)\1{{4}}|(.{{2,3}})\2{{3}}|(.{{4,{_LONGEST_PHRASE}}}?)\3\3", re.DOTALL)
_SYLLABLES = re.compile(r"([^\W\d_]{2,8}?)\1{3,}")
_EMPTY_ITEMS = re.compile(r"(?:^[ \t]*(?:\(?\d{1,3}[.)]|[-*\u2022])[ \t]*\n){3,}", re.MULTILINE)
_SOUP = re.compile(r"(?:[^\w\s.,!?'\"][^\S\n]*\n?[^\S\n]*){14,}")
_DIALOGUE = re.compile(
    r"\b(?:user|assistant|human|system|ai|question|answer)\s*:|<\|?(?:im_)?(?:start|end)\w*\|?>|"
    r"<(?:start|end)_of_turn>|"
    r"\bclick here\b|\bsubscribe\b|\bread more\b|\bcopyright\b|https?://|www\.",
    re.IGNORECASE,
)
_HINTS_OF_DIALOGUE = (":", "<", "click here", "subscribe", "read more", "copyright", "www.")
_MARKS_OF_DIALOGUE = 4
_LONG_WORD = 12
_MOST_OF_A_STEM = 8
_LIMITS = {"": sys.maxsize, "?": sys.maxsize, "#": 11}
_ARTICLES = words("the a an")
_AFTER_ARTICLE = words(
    "the a an of to in on at for with and or but is are was be by from it that this when if after before"
)
_PREPOSITIONS = words("of to at with and or from for in by is")
_AFTER_PREPOSITION = words("of and or is are was but")
_IMPOSSIBLE = frozenset(
    [(a, b) for a in _ARTICLES for b in _AFTER_ARTICLE]
    + [(a, b) for a in _PREPOSITIONS for b in _AFTER_PREPOSITION]
) - {("in", "and"), ("to", "and"), ("by", "and"), ("with", "or"), ("with", "and"), ("for", "and")}


@dataclass(frozen=True, slots=True)
class Degeneration:
    """Where a reply stops making sense, in characters, and how."""

    start: int
    end: int
    why: str


def degeneration(tokens: Tokens) -> Degeneration | None:
    """Return the first sign that a text is degenerate, or ``None``."""
    text = tokens.text
    if not any(form[0].isalnum() for form in tokens.forms):
        return Degeneration(
            0, len(text), "the reply is empty" if not text.strip() else "the reply has no words"
        )
    reader = _Reader(tokens)
    if len(reader.words) <= 2 and not {"call", "yes", "no", "cpr"} & set(tokens.lemmas):
        return Degeneration(0, len(text), "the reply is a stub")
    signs: list[Callable[[], Degeneration | None]] = [
        reader.pattern, reader.loop, reader.scripts, reader.window, reader.salad,
    ]  # fmt: skip
    found = [sign for sign in (look() for look in signs) if sign is not None]
    return min(found, key=lambda sign: sign.start) if found else None


class _Reader:
    """Looks at one text for each sign."""

    def __init__(self, tokens: Tokens):
        self.tokens = tokens
        self.words = [i for i, form in enumerate(tokens.forms) if form[0].isalnum()]
        # Numbers are all alike here: "6 cm above, 7 cm above" is a loop.
        self.forms = ["#" if tokens.forms[i][0].isdigit() else tokens.forms[i] for i in self.words]

    def _sign(self, first: int, last: int, why: str) -> Degeneration:
        """A sign from word ``first`` to word ``last``, quoted in part."""
        start = self.tokens.starts[self.words[first]]
        end = self.tokens.ends[self.words[min(last, len(self.words) - 1)]]
        return Degeneration(start, min(end, start + _QUOTE), why)

    def pattern(self) -> Degeneration | None:
        """Runs of one character or syllable, lists of nothing, soups of markup, leaked dialogue."""
        text = self.tokens.text
        for possible, expression, why in (
            (any(char * _RUNS_FROM in text for char in set(text)), _RUN, "characters repeat"),
            (text.count("\n") >= 3, _EMPTY_ITEMS, "list items are empty"),
            (True, _SOUP, "markup without text"),
        ):
            match = expression.search(text) if possible else None
            if match:
                return Degeneration(match.start(), min(match.end(), match.start() + _QUOTE), why)
        long = [place for place, form in enumerate(self.forms) if len(form) >= _LONG_WORD]
        for place in long:
            if _SYLLABLES.search(self.forms[place]):
                return self._sign(place, place, "syllables repeat")
        hints = sum(self.tokens.plain.count(hint) for hint in _HINTS_OF_DIALOGUE)  # a quick look saves most
        marks = list(_DIALOGUE.finditer(text)) if hints >= _MARKS_OF_DIALOGUE else []
        if len(marks) >= _MARKS_OF_DIALOGUE:
            return Degeneration(
                marks[0].start(),
                min(marks[-1].end(), marks[0].start() + _QUOTE),
                "text of another kind leaks in",
            )
        return None

    def loop(self) -> Degeneration | None:
        """A phrase that repeats back to back, or comes back again and again."""
        numbers: dict[str, int] = {}
        letters = "".join([chr(numbers.setdefault(form, len(numbers))) for form in self.forms])
        return (self._back_to_back() if _LOOP.search(letters) else None) or self._again_and_again(letters)

    def _back_to_back(self) -> Degeneration | None:
        forms, size = self.forms, len(self.forms)
        seen: dict[str, int] = {}
        distances: Counter[int] = Counter()
        for index, form in enumerate(forms):  # only distances at which some word recurs can carry a loop
            if form in seen and index - seen[form] <= _LONGEST_PHRASE:
                distances[index - seen[form]] += 1
            seen[form] = index
        for length in sorted(distances):
            needed = 5 if length == 1 else 4 if length <= 3 else 3
            if distances[length] < needed - 1:
                continue
            run = 0
            for index in range(length, size):
                run = run + 1 if forms[index] == forms[index - length] else 0
                if run >= length * (needed - 1) and not (length == 1 and forms[index] == "#"):
                    return self._sign(index - run - length + 1, index, "the text loops")
        return None

    def _again_and_again(self, letters: str) -> Degeneration | None:
        """Phrases of five words that make up much of the text; each word is a letter."""
        size = len(letters)
        if size >= 60:
            grams = Counter([letters[k : k + 5] for k in range(size - 4)])
            if sum([count for count in grams.values() if count > 2]) > 0.4 * (size - 4):
                at = letters.index(max(grams, key=lambda gram: grams[gram]))
                return self._sign(at, at + 4, "the text loops")
        return None

    def scripts(self) -> Degeneration | None:
        """Letters of other scripts that break into English."""
        text = self.tokens.text
        if text.isascii():
            return None
        foreign = [
            i for i, c in enumerate(text) if c.isalpha() and not c.isascii() and _script(c) not in _LATIN
        ]
        if len(foreign) >= 3 and len(foreign) > 0.03 * sum(c.isalpha() for c in text):
            return Degeneration(
                foreign[0], min(foreign[-1] + 1, foreign[0] + 80), "other scripts break into the text"
            )
        return None

    def window(self) -> Degeneration | None:
        """Too many garbled words, forms of one word, or numbers within a window of 20 words."""
        stems = [_sort(form) for form in self.forms]
        totals = Counter(stems)
        few_garbled, few_numbers = totals.pop("?", 0) < 3, totals.pop("#", 0) < _limit("#")
        totals.pop("", 0)
        if few_garbled and few_numbers and max(totals.values(), default=0) < _MOST_OF_A_STEM:
            return None
        counts: Counter[str] = Counter()
        for index, stem in enumerate(stems):
            if index >= _WINDOW:
                counts[stems[index - _WINDOW]] -= 1
            counts[stem] += 1
            first = max(0, index - _WINDOW + 1)
            garbled = counts["?"]
            if garbled >= 5 or (garbled >= 3 and garbled > 0.34 * len(stems)):
                return self._sign(stems.index("?", first), index, "words are garbled")
            if counts[stem] >= _limit(stem):
                why = "the text counts" if stem == "#" else "one word comes back again and again"
                return self._sign(first, index, why)
        return None

    def salad(self) -> Degeneration | None:
        """Function words that cannot follow each other, close together."""
        found = [i for i, pair in enumerate(pairwise(self.forms)) if pair in _IMPOSSIBLE and self._touches(i)]
        for left, right in pairwise(found):
            if right - left <= 8 and len(found) >= 3:
                return self._sign(left, right + 1, "words do not form sentences")
        return None

    def _touches(self, place: int) -> bool:
        """Whether a word and the next stand side by side with nothing but a space between."""
        left, right = self.words[place : place + 2]
        return self.tokens.starts[right] - self.tokens.ends[left] == 1


_LATIN = frozenset({"LATIN", "MODIFIER", "FEMININE", "MASCULINE", "MICRO"})


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split(" ", 1)[0]


@lru_cache(maxsize=CACHED_WORDS)
def _sort(form: str) -> str:
    """What forms of one word have in common; "?" for no word, nothing for small ones."""
    if form == "#":
        return form
    if not is_word(form):
        return "?"
    return "" if form in SMALL_WORDS or len(form) <= 2 else form[:4]


def _limit(stem: str) -> int:
    """How often a stem may not occur within the window; numbers are more frequent, small words free."""
    return _LIMITS.get(stem, _MOST_OF_A_STEM)


@lru_cache(maxsize=CACHED_WORDS)
def is_word(word: str) -> bool:
    """Whether a form is an English word, or built like one."""
    known = vocabulary()
    if word == "#" or len(word) <= 2 or word in known:
        return True
    for ending in ("s", "es", "ed", "d", "ing", "ly", "er", "ers", "'s", "est", "y"):
        root = word[: -len(ending)]
        if word.endswith(ending) and len(root) > 2 and (root in known or root + "e" in known):
            return True
    if word.endswith("ies") and word[:-3] + "y" in known:
        return True
    if any(
        word.startswith(prefix) and word[len(prefix) :] in known
        for prefix in ("non", "re", "un", "pre", "over", "anti", "de", "mis")
    ):
        return True
    return len(word) > 6 and any(
        word[:cut] in known and word[cut:] in known for cut in range(4, len(word) - 3)
    )
