"""One call for every format."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from quant_triage.data import UsageError, atomic_path, atomic_write
from quant_triage.harness import Result

from ._card import render_card
from ._html import html_pieces
from ._inspect import FOLDER, write_inspect
from ._json import write_result
from ._junit import render_junit
from ._markdown import render_markdown
from ._sarif import render_sarif
from ._summary import render_badge, render_summary
from ._table import render_csv, render_parquet
from ._terminal import render_text


def _card(result: Result) -> str:
    level = result.decision.level
    if level is None:
        raise UsageError(
            f"no model card: the decision is {result.decision.status!r}, and only a selected level gets one"
        )
    return render_card(result, level)


_FILES: dict[str, tuple[str, Callable[[Result], str | bytes | Iterator[str]]]] = {
    "html": ("report.html", html_pieces),
    "md": ("report.md", render_markdown),
    "card": ("model-card.md", _card),
    "terminal": ("report.txt", render_text),
    "junit": ("junit.xml", render_junit),
    "sarif": ("report.sarif", render_sarif),
    "summary": ("summary.md", render_summary),
    "badge": ("badge.json", render_badge),
    "csv": ("replies.csv", render_csv),
    "parquet": ("replies.parquet", render_parquet),
}
FORMATS: tuple[str, ...] = (*_FILES, "json", "inspect")


def render(result: Result, formats: Sequence[str], out_dir: Path) -> list[Path]:
    """Write a result in each format into a folder; every file appears whole or not at all.

    Args:
        result: What was found.
        formats: Any of ``FORMATS``.
        out_dir: Created where it is missing.

    Returns:
        The files, in the order of ``formats``.

    Raises:
        UsageError: An unknown format, one whose package is missing, or a model card without a selected level.
        NotEnoughSpaceError: The disk is full.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"no report format {name!r}: choose from {', '.join(FORMATS)}")
    contents = {name: _FILES[name][1](result) for name in formats if name in _FILES}
    paths: list[Path] = []
    for name in formats:
        if name == "inspect":
            paths += write_inspect(result, out_dir / FOLDER)
        elif name == "json":
            paths.append(out_dir / "report.json")
            write_result(paths[-1], result)
        else:
            paths.append(out_dir / _FILES[name][0])
            _write(paths[-1], contents[name])
    return paths


def _write(path: Path, content: str | bytes | Iterator[str]) -> None:
    if isinstance(content, str | bytes):
        atomic_write(path, content)
        return
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(content)
