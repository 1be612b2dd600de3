"""Which tokens of a reply carry a number or a negation: where a small slip can turn advice into harm."""

import re
from collections.abc import Sequence
from typing import Literal

Kind = Literal["other", "number", "negation"]
KINDS: tuple[Kind, ...] = ("other", "number", "negation")

_NUMBER = re.compile(
    rb"\d+(?:[.,:/]\d+)*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|"
    rb"forty|fifty|sixty|hundred|half|once|twice|double)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    rb"\b(?:no|not|never|none|nothing|nobody|neither|nor|cannot|without|avoid)\b|"
    rb"\b(?:do|does|wo|ca|must|should|is|are)n(?:'|\xe2\x80\x99)?t\b",
    re.IGNORECASE,
)


def token_kinds(pieces: Sequence[bytes]) -> list[Kind]:
    """Return the kind of each token: any of whose bytes belongs to a number or to a negation.

    Args:
        pieces: The text of each token, in order.
    """
    text = b"".join(pieces)
    marks: list[Kind] = ["other"] * len(text)
    patterns: tuple[tuple[Kind, re.Pattern[bytes]], ...] = (("number", _NUMBER), ("negation", _NEGATION))
    for kind, pattern in patterns:
        for found in pattern.finditer(text):
            marks[found.start() : found.end()] = [kind] * (found.end() - found.start())
    kinds: list[Kind] = []
    place = 0
    for piece in pieces:
        within = set(marks[place : place + len(piece)]) - {"other"}
        kinds.append("negation" if "negation" in within else "number" if within else "other")
        place += len(piece)
    return kinds
