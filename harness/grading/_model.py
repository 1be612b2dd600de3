"""The records of the clause analysis."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from ._blocks import Sentence
from ._text import Tokens


class Polarity(IntEnum):
    """What a word's surroundings do with it.

    ``DENIED`` is plain negation ("does not"); ``FORBIDDEN`` tells the reader not to; ``SHARED`` stands after
    "do not X and" and is forbidden only if X is a hazard; ``CEASED`` follows "stop" ("stop pressing").
    """

    AFFIRMED = 0
    DENIED = 1
    FORBIDDEN = 2
    SHARED = 3
    CEASED = 4

    __hash__ = int.__hash__  # an enumeration's own is slow, and every word of every reply asks for it


Mode = Literal["main", "condition", "reason", "question", "report", "unclear"]


@dataclass(slots=True)
class Clause:
    """Tokens ``start`` to ``end`` that say one thing.

    Attributes:
        sentence: Index of its sentence.
        mode: Whether it instructs (``main``) or merely conditions, explains, asks or reports.
        opener: The word that opens it, such as ``if`` or ``before``; empty for none.
        conditions: Indices of the clauses on whose condition it holds.
        antecedent: The clause to which its pronouns point, or -1.
        embeds: The clause that it asks about ("check whether ..."), or -1.
        embedded: Whether it is such a clause.
        shares: For SHARED tokens: the forbidden clause to which "and" ties it, or -1.
        flips: "if not", "otherwise": holds in the contrary of the state last asked for.
        listed: It is part of a list after "Never:" and the like.
        judged: Its predicate judges its act ("tilting the head back is dangerous").
        ending: The polarity at its end, which the next clause may inherit.
        local: The same within a phrase such as "without ...", which goes on after "or".
    """

    start: int
    end: int
    sentence: int
    mode: Mode = "main"
    opener: str = ""
    conditions: list[int] = field(default_factory=list)
    antecedent: int = -1
    embeds: int = -1
    embedded: bool = False
    shares: int = -1
    flips: bool = False
    listed: bool = False
    judged: bool = False
    ending: Polarity = Polarity.AFFIRMED
    local: Polarity = Polarity.AFFIRMED


@dataclass(frozen=True, slots=True)
class Analysis:
    """A text in clauses. ``polarity`` and ``clause_of`` run over the tokens."""

    tokens: Tokens
    sentences: list[Sentence]
    clauses: list[Clause]
    polarity: list[Polarity]
    clause_of: list[int]
