"""Every command that the documentation shows, with the place where it stands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md"))
    if page.name != "CHANGELOG.md"
)
# Programs whose commands a reader types; words in backquotes that begin otherwise are not commands.
_OURS = re.compile(r"`((?:quant-triage|pytest|make) [^`\n]+)`")
_ELLIPSIS = re.compile(r"\s(…|\.\.\.)$")


class Command(NamedTuple):
    """A command as it is shown: whole in a block, perhaps only hinted at in a sentence."""

    page: Path
    line: int
    text: str
    whole: bool

    @property
    def words(self) -> list[str]:
        """What a shell makes of it, comments and redirections left out, environment variables too."""
        words = shlex.split(self.text, comments=True)
        while words and re.fullmatch(r"[A-Z_0-9]+=.*", words[0]):
            words = words[1:]
        for mark in (">", "|", "&&"):
            words = words[: words.index(mark)] if mark in words else words
        return words

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text}"


def commands() -> list[Command]:
    """Return the commands of all pages, in their order."""
    return [command for page in PAGES for command in of_page(page)]


def of_page(page: Path) -> Iterator[Command]:
    """Yield one page's commands: lines after ``$`` in console blocks, indented lines, words in backquotes."""
    block: str | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("```"):
            block = None if block is not None else stripped.strip("`").strip()
        elif block == "console" and stripped.startswith("$ "):
            yield Command(page, number, _shown(stripped[2:]), whole=True)
        elif block is None and re.match(r" {4}(quant-triage|pytest|make) ", line):
            yield Command(page, number, _shown(stripped), whole=True)
        elif block is None:
            for found in _OURS.finditer(line):
                yield Command(page, number, _shown(found[1]), whole=False)


def _shown(text: str) -> str:
    return _ELLIPSIS.sub("", text)
