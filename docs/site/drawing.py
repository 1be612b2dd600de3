"""The drawing of the architecture: boxes, and an arrow from each package to those that it builds on.

``python docs/site/drawing.py docs/images/architecture.svg`` writes it. A test holds the arrows against the
contracts of import-linter, and the file against this program.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import altair as alt
import vl_convert

WIDTH, HEIGHT = 172, 58


class Box(NamedTuple):
    """A package: what it does, in a few words, and the middle of its box."""

    text: str
    x: int
    y: int


BOXES = {
    "harness.cli": Box("every verb; knows all", 400, 40),
    "reports": Box("a result, rendered", 200, 150),
    "harness": Box("ask, grade, count, decide", 200, 260),
    "training": Box("data set → checkpoint", 480, 260),
    "quantize": Box("checkpoint → levels", 700, 260),
    "prompts": Box("questions", 100, 370),
    "rubrics": Box("what guidelines say", 300, 370),
    "data": Box("files, errors, scenarios", 400, 480),
}
# From, to: an import. What follows through others (reports -> data) is not drawn again.
ARROWS = (
    ("harness.cli", "reports"),
    ("harness.cli", "training"),
    ("harness.cli", "quantize"),
    ("reports", "harness"),
    ("harness", "prompts"),
    ("harness", "rubrics"),
    ("prompts", "data"),
    ("rubrics", "data"),
    ("training", "data"),
    ("quantize", "data"),
)


def svg() -> str:
    """Return the drawing."""
    boxes = [
        {"name": name, "text": box.text, "x": box.x, "y": box.y,
         "left": box.x - WIDTH / 2, "right": box.x + WIDTH / 2,
         "top": box.y - HEIGHT / 2, "bottom": box.y + HEIGHT / 2}
        for name, box in BOXES.items()
    ]  # fmt: skip
    arrows = []
    for tail, head in ARROWS:
        start, end = BOXES[tail], BOXES[head]
        arrows.append(
            {"x": start.x, "y": start.y + HEIGHT / 2, "x2": end.x, "y2": end.y - HEIGHT / 2 - 9,
             "tip": end.y - HEIGHT / 2 - 5}
        )  # fmt: skip
    across = alt.X("x:Q", scale=alt.Scale(domain=[0, 800]), axis=None)
    down = alt.Y("y:Q", scale=alt.Scale(domain=[0, 520], reverse=True), axis=None)
    lines = alt.Chart(alt.InlineData(values=arrows)).mark_rule(color="#5b6b7a", strokeWidth=1.6)
    tips = alt.Chart(alt.InlineData(values=arrows)).mark_point(
        shape="triangle-down", filled=True, size=90, color="#5b6b7a", opacity=1
    )
    frames = alt.Chart(alt.InlineData(values=boxes)).mark_rect(
        cornerRadius=8, fill="#e6f2f1", stroke="#00796b", strokeWidth=1.5
    )
    labels = alt.Chart(alt.InlineData(values=boxes))
    names = labels.mark_text(dy=-9, fontSize=15, fontWeight="bold", color="#12312e")
    texts = labels.mark_text(dy=12, fontSize=12.5, color="#12312e")
    chart = alt.layer(
        lines.encode(x=across, y=down, x2="x2:Q", y2="y2:Q"),
        tips.encode(x=alt.X("x2:Q", axis=None), y=alt.Y("tip:Q", axis=None)),
        frames.encode(x=alt.X("left:Q", axis=None), x2="right:Q", y=alt.Y("top:Q", axis=None), y2="bottom:Q"),
        names.encode(x=across, y=down, text="name:N"),
        texts.encode(x=across, y=down, text="text:N"),
    )
    chart = chart.properties(width=800, height=520, background="white").configure_view(stroke=None)
    return vl_convert.vegalite_to_svg(chart.to_dict()) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(svg(), encoding="utf-8")
