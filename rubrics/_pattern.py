"""The little language of acts: which words, in one clause, make up an act.

A pattern is one line, such as ``APPLY + GREASE - remove|wash off``:

- a slot is words or phrases divided by ``|``; a name in capitals stands for a synonym set; words match
  in any inflection; ``=word`` matches that very form only;
- ``A + B``: both in the same clause, in any order;
- ``A > B``: B comes after A;
- ``& C``: and C somewhere in the sentence, or in what its pronouns point to;
- ``- D``: and no D in that clause. All ``&`` and ``-`` come last.

The first slot is the deed: its polarity decides whether the act is advised or forbidden.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from quant_triage.data import Record

_OPERATOR = re.compile(r"\s+([+>&-])\s+")
_SET = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_PHRASE = re.compile(r"=?[a-z0-9][a-z0-9'&/ .-]*\Z")


class Slot(Record):
    """Alternatives, of which one must occur: words, phrases and names of synonym sets."""

    words: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()


class Pattern(Record):
    """An act as slots of words. ``follows[i]`` says that slot i must come after slot i - 1."""

    text: str
    slots: tuple[Slot, ...]
    follows: tuple[bool, ...]
    nearby: tuple[Slot, ...] = ()
    absent: tuple[Slot, ...] = ()

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the synonym sets that the pattern uses."""
        return tuple(name for slot in (*self.slots, *self.nearby, *self.absent) for name in slot.sets)


def parse_slot(text: str) -> Slot:
    """Read one slot.

    Raises:
        ValueError: An alternative is empty or holds characters that no word has.
    """
    words: list[str] = []
    sets: list[str] = []
    for alternative in (part.strip() for part in text.split("|")):
        if _SET.match(alternative):
            sets.append(alternative)
        elif _PHRASE.match(alternative):
            words.append(alternative)
        else:
            raise ValueError(f"{alternative!r} is neither words in lower case nor the name of a synonym set")
    return Slot(words=tuple(words), sets=tuple(sets))


def parse_pattern(text: str) -> Pattern:
    """Read one pattern.

    Raises:
        ValueError: The line does not follow the language; the message says where.
    """
    parts = _OPERATOR.split(text.strip())
    slots, follows = [parse_slot(parts[0])], [False]
    nearby: list[Slot] = []
    absent: list[Slot] = []
    for operator, part in zip(parts[1::2], parts[2::2], strict=True):
        slot = parse_slot(part)
        if operator == "-":
            absent.append(slot)
        elif operator == "&":
            nearby.append(slot)
        elif absent or nearby:
            raise ValueError(f"{operator + ' ' + part!r} must come before every ' & ' and ' - '")
        else:
            slots.append(slot)
            follows.append(operator == ">")
    return Pattern(
        text=text, slots=tuple(slots), follows=tuple(follows), nearby=tuple(nearby), absent=tuple(absent)
    )


def _read_pattern(value: Any) -> Any:
    return parse_pattern(value) if isinstance(value, str) else value


Act = Annotated[Pattern, BeforeValidator(_read_pattern)]
