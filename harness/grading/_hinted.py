"""Long regular expressions that are tried only where a word that each match holds occurs at all."""

import re


class Hinted:
    """A regular expression whose every match holds one of a few plain strings.

    Most sentences hold none, and to look for those is far faster than to try each alternative at each
    character.

    Args:
        expression: The regular expression.
        hints: The strings, a bar between each and the next.
    """

    def __init__(self, expression: str, hints: str):
        self.expression = re.compile(expression)
        self.hints = tuple(hints.split("|"))

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match, as the bare expression would."""
        return self.expression.search(text) if any(map(text.__contains__, self.hints)) else None
