"""Text to tokens: base forms in parallel lists, with offsets into the reply as it was written."""

import functools
import gzip
import json
import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files

from ._words import SMALL_WORDS

_WORD = r"[^\W\d_]+(?:'[^\W\d_]+)*"
_TOKEN = re.compile(rf"\d+(?:[.,]\d+)*|{_WORD}|[^\w\s*`~#_]", re.UNICODE)

# The look-up table knows words out of context; these are the ones that first aid uses otherwise.
_LEMMAS = {
    "wound": "wound", "lay": "lie", "laid": "lie", "lain": "lie", "laying": "lie", "lies": "lie",
    "ground": "ground", "found": "find", "putting": "put", "clothes": "clothing", "worse": "worse",
    "better": "better", "best": "best", "does": "do", "doe": "do", "did": "do", "done": "do", "has": "have", "had": "have",
    "dressing": "dressing", "dressings": "dressing", "injured": "injured", "saw": "saw", "rose": "rose",
    "being": "be", "been": "be", "is": "be", "are": "be", "am": "be", "was": "be", "were": "be", "'s": "be",
    "cannot": "cannot", "people": "people", "this": "this", "his": "his", "us": "us", "as": "as",
    "swelling": "swell", "clothing": "clothing", "iced": "iced", "pads": "pad", "lost": "lose",
    "glasses": "glasses", "pliers": "pliers", "tweezers": "tweezers", "scissors": "scissors", "lips": "lip",
    "number": "number", "others": "other", "minutes": "minute", "mins": "minute", "min": "minute",
    "min's": "minute", "secs": "second", "sec": "second", "hrs": "hour", "hr": "hour", "blood": "blood",
    "left": "left", "leaves": "leave", "fed": "feed", "thermal": "thermal", "means": "mean", "lens": "lens",
    "lenses": "lens", "aed": "aed", "aeds": "aed", "gas": "gas", "data": "data", "epipen": "epipen",
    "adrenalin": "adrenaline", "epinephrin": "epinephrine", "haemorrhage": "hemorrhage", "drunk": "drunk",
    "diarrhoea": "diarrhea", "towards": "toward", "upwards": "upward", "downwards": "downward",
    "forwards": "forward", "backwards": "backward", "afterwards": "afterward", "sugary": "sugary",
    "centre": "center", "colour": "color", "litre": "liter", "litres": "liter", "metre": "meter",
    "metres": "meter", "mum": "mother", "bitten": "bite", "stung": "sting", "burnt": "burn", "felt": "feel",
    "breast": "breast", "breath": "breath", "breaths": "breath", "cutter": "cutter", "hypoglycemia": "hypoglycaemia",
    "anaesthetic": "anesthetic", "neutralise": "neutralize", "neutralised": "neutralize",
    "neutralising": "neutralize", "immobilise": "immobilize", "immobilised": "immobilize",
    "immobilising": "immobilize", "immobilises": "immobilize", "paralysed": "paralyze",
    "mouth": "mouth", "nothing": "nothing", "bath": "bath", "baths": "bath", "bathing": "bathe",
    "more": "more", "most": "most", "less": "less", "least": "least", "further": "further", "later": "later",
    "lower": "lower", "dying": "die", "upper": "upper", "inner": "inner", "outer": "outer", "ones": "one", "lot": "lot", "lots": "lot", "cooler": "cool", "coolest": "cool", "bind": "bind",
    "bound": "bind", "hung": "hang", "bruised": "bruise", "stood": "stand", "slept": "sleep", "dead": "dead",
}  # fmt: skip

_BRITISH = re.compile(r"(?<=[a-z]{4})is(e|es|ed|ing)$")

_CONTRACTIONS = {
    "can't": ("can", "not"), "cant": ("can", "not"), "cannot": ("can", "not"), "won't": ("will", "not"),
    "wont": ("will", "not"), "shan't": ("shall", "not"), "dont": ("do", "not"), "doesnt": ("does", "not"),
    "didnt": ("did", "not"), "isnt": ("is", "not"), "arent": ("are", "not"), "wasnt": ("was", "not"),
    "shouldnt": ("should", "not"), "mustnt": ("must", "not"), "neednt": ("need", "not"),
    "wouldnt": ("would", "not"), "couldnt": ("could", "not"), "let's": ("let", "us"), "ain't": ("is", "not"),
    "gonna": ("going", "to"), "wanna": ("want", "to"), "gotta": ("got", "to"), "youre": ("you", "are"),
    "theyre": ("they", "are"), "that's": ("that", "is"), "it's": ("it", "is"), "there's": ("there", "is"),
    "donot": ("do", "not"),
}  # fmt: skip
_ENDINGS = {
    "n't": "not", "'re": "are", "'ll": "will", "'ve": "have", "'d": "would", "'m": "am", "'s": "'s",
}  # fmt: skip


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


@functools.cache
def _table() -> dict[str, str]:
    packed = files("spacy_lookups_data").joinpath("data", "en_lemma_lookup.json.gz").read_bytes()
    table: dict[str, str] = json.loads(gzip.decompress(packed))
    return {form: base for form, base in table.items() if base.isalpha()} | _LEMMAS


@functools.cache
def _index() -> dict[str, list[str]]:
    packed = files("spacy_lookups_data").joinpath("data", "en_lemma_index.json.gz").read_bytes()
    index: dict[str, list[str]] = json.loads(gzip.decompress(packed))
    return index


@functools.cache
def verbs() -> frozenset[str]:
    """Every base form that can be a verb, many of them nouns as well."""
    return frozenset(_index()["verb"])


@functools.cache
def vocabulary() -> frozenset[str]:
    """Every English word form that the look-up tables know, in lower case."""
    table = _table()
    words = {word.lower() for words in _index().values() for word in words}
    return frozenset(words | {w.lower() for w in table} | set(table.values()) | set(_LEMMAS) | SMALL_WORDS)


@functools.lru_cache(maxsize=65536)
def lemma(form: str) -> str:
    """Return the base form of a word in lower case."""
    found = _table().get(form)
    if found is not None:
        return found
    if form.endswith("'s"):
        return lemma(form[:-2])
    american = _BRITISH.sub(r"iz\1", form)
    return _table().get(american, american) if american != form else form


@functools.lru_cache(maxsize=65536)
def _split(word: str) -> tuple[tuple[str, str], ...]:
    """Return the (form, base form) pairs of one written word; contractions give two."""
    parts: tuple[str, ...] | None = _CONTRACTIONS.get(word)
    if parts is None:
        parts = (word,)
        for ending, full in _ENDINGS.items():
            if word.endswith(ending) and len(word) > len(ending):
                head = word[: -len(ending)]
                parts = (head, full) if ending != "'s" or head in _PRONOUNS else (word,)
                break
    return tuple((part if part != "'s" else "is", lemma(part)) for part in parts)


_PRONOUNS = {"he", "she", "it", "that", "what", "who", "there", "here", "where", "how", "person", "this"}
_FOLD = {"’": "'", "‘": "'", "´": "'", "`": "`", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "−": "-",
         "•": "-", "·": "-", "…": ".", "\u2028": "\n", "\u2029": "\n", "\x0b": "\n", "\x0c": "\n", "\x85": "\n",
         "\r": "\n"}  # fmt: skip


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
                    if unicodedata.category(c) not in {"Mn", "Cf", "Me"}
                )
                folded = "".join(_FOLD.get(c, c) for c in folded)
        for c in folded:
            out.append(c)
            offsets.append(index)
    return "".join(out), offsets


def tokenise(text: str) -> Tokens:
    """Split a text into tokens, with offsets into the text as it was given."""
    if text.isascii() and "\r" not in text:
        plain, offsets = text.lower(), None
    else:
        plain, offsets = _plain(text)
    forms: list[str] = []
    lemmas: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    marks: list[int] = []
    for match in _TOKEN.finditer(plain):
        mark, stop = match.span()
        if match.group() == "-" and mark and plain[mark - 1].isalpha() and plain[stop : stop + 1].isalpha():
            continue  # a hyphen within a word: "mouth-to-mouth" is three words
        if offsets is None:
            start, end = mark, stop
        else:
            start, end = offsets[mark], offsets[stop - 1] + 1
            while end < len(text) and unicodedata.combining(text[end]):
                end += 1
        for form, base in _split(match.group()):
            forms.append(form)
            lemmas.append(base)
            starts.append(start)
            ends.append(end)
            marks.append(mark)
    return Tokens(text, plain, forms, lemmas, starts, ends, marks)
