"""Text to tokens: base forms in parallel lists, with offsets into the reply as it was written."""

import re
import unicodedata
from dataclasses import dataclass

from ._lemmas import split_word

_WORD = r"[^\W\d_]+(?:'[^\W\d_]+)*"
_TOKEN = re.compile(rf"\d+(?:[.,]\d+)*|{_WORD}|[^\w\s*`~#_]")
_APOSTROPHES = "\u2018\u2019\u00b4`"
_QUOTES = "\u201c\u201d"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212\u2022\u00b7"
_BREAKS = "\u2028\u2029\x0b\x0c\x85\r"
_FOLD = (
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_QUOTES, '"')
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_BREAKS, "\n")
    | {"\u2026": ".", "\u2044": "/"}
)
_ONE_TO_ONE = str.maketrans({char: folded for char, folded in _FOLD.items() if char != "\r"})
_DROPPED = frozenset({"Mn", "Cf", "Me"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """Parallel lists over the tokens of a text.

    Attributes:
        text: The text as it was given.
        plain: Lower case, without accents or typographic variants; same line structure.
        forms: The word as written, in lower case.
        lemmas: Its base form.
        starts: Where it starts in ``text``.
        ends: Where it ends in ``text``.
        marks: Where it starts in ``plain``.
    """

    text: str
    plain: str
    forms: list[str]
    lemmas: list[str]
    starts: list[int]
    ends: list[int]
    marks: list[int]


def _plain(text: str) -> tuple[str, list[int]]:
    """Return the text folded to plain lower-case characters, with the offset of each in the original."""
    out: list[str] = []
    offsets: list[int] = []
    for index, char in enumerate(text):
        if char == "\r" and text[index + 1 : index + 2] == "\n":
            continue
        folded = _FOLD.get(char)
        if folded is None:
            if char.isascii():
                folded = char.lower()
            else:
                folded = "".join(
                    c
                    for c in unicodedata.normalize("NFKD", char).lower()
                    if unicodedata.category(c) not in _DROPPED
                )
                folded = "".join(_FOLD.get(c, c) for c in folded)
                if "/" in folded:
                    folded = f" {folded}"  # "1½" is 1 1/2
        for c in folded:
            out.append(c)
            offsets.append(index)
    return "".join(out), offsets


def tokenise(text: str) -> Tokens:
    """Split a text into tokens, with offsets into the text as it was given."""
    plain, offsets = text.translate(_ONE_TO_ONE).lower(), None
    if not plain.isascii() or "\r" in plain:
        plain, offsets = _plain(text)
    forms: list[str] = []
    lemmas: list[str] = []
    marks: list[int] = []
    ends: list[int] = []
    for match in _TOKEN.finditer(plain):
        word, start, end = match.group(), match.start(), match.end()
        if word == "-" and start and plain[start - 1].isalpha() and plain[end : end + 1].isalpha():
            continue  # a hyphen within a word: "mouth-to-mouth" is three words
        for form, base in split_word(word):
            forms.append(form)
            lemmas.append(base)
            marks.append(start)
            ends.append(end)
    if offsets is None:
        return Tokens(text, plain, forms, lemmas, marks, ends, marks)
    starts = [offsets[mark] for mark in marks]
    return Tokens(
        text, plain, forms, lemmas, starts, [_end(text, offsets[end - 1] + 1) for end in ends], marks
    )


def _end(text: str, end: int) -> int:
    """Take the accents that stand after a letter along with it."""
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end
