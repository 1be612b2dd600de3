"""Lines to sentences: list items, headings, and what a heading says of the lines under it."""

import bisect
import re
from dataclasses import dataclass
from typing import Literal

from ._text import Tokens
from ._words import AVOID, CONDITIONS, MYTHS

Rule = Literal["", "forbid", "myth", "condition"]

_MARKER = re.compile(
    r"[ \t>]*(?P<hash>#{1,6}[ \t]+)?(?P<item>(?:[-+*\u25aa\u25cf\u25e6\u2023\u25cb\u25a0](?=[ \t])|\(?\d{1,2}[.):](?!\d)|"
    r"\(?[a-z]\)|[a-h]\.(?=[ \t])|step \d{1,2}[ \t]*[:.)-]*)[ \t]*)?(?:\[[ x]?\][ \t]*)?"
)
_FORBIDDING = re.compile(r"[\u274c\u2717\u2718\U0001f6ab\u26d4\u2716\U0001f645\u2612]")
_ALLOWING = re.compile(r"[\u2705\u2713\u2714\u2611]")
_BOLD = re.compile(r"\s*(?:\*\*|__)[^*_]+(?:\*\*|__)\s*:?\s*$")
_ABBREVIATIONS = frozenset("e.g i.e dr mr mrs ms st vs approx etc no fig u.s u.k a.m p.m".split())
_HEADING_WORDS = frozenset("not never avoid don'ts donts mistake myth do step instead".split())


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens ``start`` to ``end``.

    Attributes:
        block: Number of its paragraph or list item.
        rule: What the heading above it says of it.
        heading: Index of the sentence that is the heading above it, or -1.
        is_heading: Whether it is a heading itself.
        opens: Whether it is the first sentence of its block.
        is_item: Whether its block is a list item.
        question: Whether it ends with a question mark.
    """

    start: int
    end: int
    block: int
    rule: Rule
    heading: int
    is_heading: bool
    opens: bool
    is_item: bool
    question: bool


@dataclass(slots=True)
class _Heading:
    sentence: int
    rule: Rule
    indent: int
    is_item: bool
    lasting: bool


def sentences(tokens: Tokens) -> list[Sentence]:
    """Divide a text into sentences, each with its place in lists and under headings."""
    found: list[Sentence] = []
    heading: _Heading | None = None
    block, position, blank, open_line = 0, 0, True, False
    plain = tokens.plain
    while position < len(plain):
        stop = plain.find("\n", position)
        stop = len(plain) if stop < 0 else stop
        line = plain[position:stop]
        marker = _MARKER.match(plain, position, stop)
        body_start = marker.end() if marker else position
        body = plain[body_start:stop].strip(" \t*_`")
        if not body:
            blank, open_line = True, False
            position = stop + 1
            continue
        is_item = bool(marker and marker["item"])
        is_hash = bool(marker and marker["hash"])
        indent = len(line) - len(line.lstrip(" \t>"))
        first = bisect.bisect_left(tokens.marks, body_start)
        last = bisect.bisect_left(tokens.marks, stop)
        continues = (
            open_line
            and not is_item
            and not is_hash
            and not blank
            and body[:1].isalpha()
            and (tokens.text[tokens.starts[first]].islower() if first < last else False)
        )
        if continues and found and first < last:
            previous = found.pop()
            pieces = _pieces(tokens, previous.start, last)
            found.extend(_sentence(previous, piece, index) for index, piece in enumerate(pieces))
        elif first < last:
            block += 1
            words = set(tokens.lemmas[first:last])
            ends_open = body.endswith(":") or body.rstrip(" *_").endswith(":")
            short = last - first <= 8 and body[-1] not in ".!?;,"
            is_heading = (
                is_hash
                or ends_open
                or (not is_item and short and (bool(_BOLD.match(line)) or bool(words & _HEADING_WORDS)))
            )
            if heading and (
                (is_item and heading.is_item and indent <= heading.indent)
                or (is_heading and not (is_item and not heading.is_item and heading.lasting))
                or (not is_item and blank and not heading.lasting)
            ):
                heading = None
            rule: Rule = heading.rule if heading else ""
            if _FORBIDDING.search(line):
                rule = "forbid"
            elif _ALLOWING.search(line):
                rule = ""
            pieces = _pieces(tokens, first, last)
            for index, (a, b, question) in enumerate(pieces):
                own = is_heading and index == len(pieces) - 1
                found.append(
                    Sentence(a, b, block, "" if own and not _FORBIDDING.search(line) else rule,
                             heading.sentence if heading else -1, own, index == 0, is_item, question)
                )  # fmt: skip
            if is_heading and pieces:
                a, b, _ = pieces[-1]
                heading = _Heading(len(found) - 1, _rule(tokens, a, b), indent, is_item, is_hash)
        open_line = first < last and body[-1] not in ".!?:;"
        blank = False
        position = stop + 1
    return found


def _sentence(like: Sentence, piece: tuple[int, int, bool], index: int) -> Sentence:
    a, b, question = piece
    return Sentence(a, b, like.block, like.rule, like.heading, like.is_heading and index == 0,
                    like.opens and index == 0, like.is_item, question)  # fmt: skip


def _pieces(tokens: Tokens, first: int, last: int) -> list[tuple[int, int, bool]]:
    """Cut tokens at the ends of sentences; the flag says that a question mark ended it."""
    pieces: list[tuple[int, int, bool]] = []
    start = first
    forms = tokens.forms
    for index in range(first, last):
        mark = forms[index]
        if mark not in ".!?;)":
            continue
        if mark == "." and (
            (index > first and (forms[index - 1] in _ABBREVIATIONS or len(forms[index - 1]) == 1 and forms[index - 1].isalpha())
             and index + 1 < last and tokens.starts[index] == tokens.ends[index - 1]
             and (forms[index + 1] in ".," or tokens.text[tokens.starts[index + 1]].islower()))
            or (index + 1 < last and tokens.starts[index + 1] == tokens.ends[index] and forms[index + 1].isalpha()
                and len(forms[index + 1]) == 1)
        ):  # fmt: skip
            continue
        if mark == ")" and not (
            index > start
            and forms[index - 1].isdigit()
            and (index - 1 == start or forms[index - 2] not in "(")
        ):
            continue
        if index > start:
            pieces.append((start, index + 1, mark == "?"))
        start = index + 1
    if start < last:
        pieces.append((start, last, False))
    return pieces


def _rule(tokens: Tokens, start: int, end: int) -> Rule:
    """Return what a heading says of the lines under it."""
    lemmas, forms = tokens.lemmas[start:end], tokens.forms[start:end]
    words = set(lemmas)
    if words & MYTHS and "fact" not in words:
        return "myth"
    content = [word for word in lemmas if word.isalpha()]
    if content and (content[-1] in CONDITIONS or (set(content[-5:]) & {"if", "when", "unless"} and len(content) > 1
                                                  and content[0] not in {"if", "when"})):  # fmt: skip
        return "condition"
    if "don'ts" in forms or "donts" in forms:
        return "" if {"do's", "dos"} & set(forms) else "forbid"
    cut = next((i for i, word in enumerate(lemmas) if word in {"if", "when", "who", "unless"}), len(lemmas))
    before = lemmas[:cut]
    if before[:1] == ["if"] or not before:
        comma = lemmas.index(",") if "," in lemmas else len(lemmas)
        before = lemmas[comma:]
    for index, word in enumerate(before):
        previous = before[index - 1] if index else ""
        if word == "not" and previous in {
            "",
            "do",
            "should",
            "must",
            "what",
            "to",
            "or",
            "and",
            "thing",
            ",",
            "please",
            "also",
            "shall",
        }:
            following = next((w for w in before[index + 1 :] if w.isalpha()), "")
            if following in {"panic", "worry", "forget", "hesitate", "delay", "wait", "only", "just"}:
                continue
            return "forbid"
        if (
            word == "never"
            or word in AVOID
            or word in {"contraindicated", "mistake", "wrong", "harmful", "dangerous"}
        ):
            return "forbid"
    return ""
