"""Long regular expressions that are tried only where a word that each match holds part of occurs at all."""

import functools
import re

from ._words import CACHED_WORDS


class Hinted:
    """A regular expression whose every match holds one of a few hints, each a word or part of one.

    Most sentences hold none, and to look each word up is far faster than to try each alternative at each
    character.

    Args:
        expression: The regular expression.
        hints: The hints, a space between each and the next.
    """

    def __init__(self, expression: str, hints: str):
        self.expression = re.compile(expression)
        self.hints = tuple(hints.split())
        self._hints_at = functools.lru_cache(maxsize=CACHED_WORDS)(self._holds_hint)

    def _holds_hint(self, word: str) -> bool:
        return any(hint in word for hint in self.hints)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match, as the bare expression would."""
        return self.expression.search(text) if any(map(self._hints_at, text.split())) else None
