"""``quant-triage describe``: what a training data set holds, as figures, a plot and the part of its card."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import EMERGENCY_DATASET, UsageError, atomic_write
from quant_triage.training import describe, read_dataset

from . import _options as opt
from ._console import emit_json, one_line_errors, out, say

BEGIN, END = "<!-- figures: quant-triage describe -->\n", "<!-- end of figures -->"


def describe_dataset(
    data: Annotated[
        Path, typer.Argument(metavar="FILE", help="The data set.", show_default="the bundled one")
    ] = EMERGENCY_DATASET,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.svg", help="Draw scenarios and lengths.", show_default=False),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            "--card", metavar="FILE.md", help="Renew the figures in a data card.", show_default=False
        ),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Count rows, scenarios, sources and lengths of a data set."""
    with one_line_errors():
        if plot is not None and plot.suffix != ".svg":
            raise UsageError(f"--plot {str(plot)!r}: name a file that ends in .svg")
        held = describe(read_dataset(data))
        figures = held.markdown()
        if card is not None:
            atomic_write(card, _renewed(card, figures))
            say(f"figures renewed in {card}")
        if plot is not None:
            atomic_write(plot, held.chart())
            say(f"plot in {plot}")
        if as_json:
            emit_json(held.model_dump(mode="json"))
        else:
            out.print(figures, markup=False, highlight=False)


def _renewed(card: Path, figures: str) -> str:
    """Return a card's text with new figures between its two marks.

    Raises:
        UsageError: It cannot be read or lacks them.
    """
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(card)!r}") from error
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{str(card)!r} lacks {BEGIN.strip()!r} and {END!r}, that figures go between")
    return f"{head}{begin}{figures}{end}{tail}"
