"""The ladder as a picture: each level's danger bound against its size, drawn by Vega-Altair as inline SVG."""

import math
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import altair as alt
import vl_convert
from markupsafe import Markup

from ._labels import Mark, Placed, place
from ._row import Row
from ._story import Story
from ._words import VERDICTS

_INK, _MUTED, _GRID, _PAPER = "#1d2430", "#5a6473", "#dfe3e8", "#fbfbf9"
_PAINTS = {_INK: "ink", _MUTED: "muted", _GRID: "line", _PAPER: "paper"}
_PAINTS |= {look.light: name for name, look in VERDICTS.items()}
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


def drawable(story: Story) -> list[Row]:
    """The levels with a size and a rate. Recorded replies have no file; a crashed model has no rate."""
    return [row for row in story.rows if row.model.bytes and row.asked and not row.model.reference]


def frontier(rows: Sequence[Row]) -> list[Row]:
    """The rows than which no other is both as small and as safe, by size."""
    best: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.model.bytes or 0, r.model.danger.upper)):
        if not best or row.model.danger.upper < best[-1].model.danger.upper:
            best.append(row)
    return best


def ladder(story: Story, width: int = 1060, height: int = 400) -> Markup | None:
    """Draw danger bounds against file sizes, with the policy's limit; ``None`` where nothing can be drawn.

    The vertical scale is a square root, so that the region near a small limit can be read. A line runs from
    the bound down to the rate that was seen. The reference is left out: it is so much larger that the levels
    would huddle in a corner. Colours are CSS variables with fallbacks, so that the page's theme decides.
    """
    rows = drawable(story)
    if not rows:
        return None
    limit = story.policy.limits.danger
    sizes = [row.model.bytes or 0 for row in rows]
    unit, unit_name = (1e9, "GB") if max(sizes) >= 1e9 else (1e6, "MB")
    margin = 0.09 * ((max(sizes) - min(sizes)) or max(sizes))
    least, most = (min(sizes) - margin) / unit, (max(sizes) + margin) / unit
    highest = max([limit, *(row.model.danger.upper for row in rows)])
    top = next((tick for tick in _TICKS if tick >= max(highest * 1.12, _TICKS[1])), 1.0)

    def across(row: Row) -> float:
        return width * ((row.model.bytes or 0) / unit - least) / (most - least)

    def down(share: float) -> float:
        return height * (1 - math.sqrt(share / top))

    marks = [
        Mark(row.key, across(row), down(row.model.danger.upper), down(row.model.danger.rate or 0))
        for row in rows
    ]
    name = f"limit {story.limit}"
    labels, limit_label = place(marks, name, line=down(limit), width=width, height=height)
    x = alt.X(
        "size:Q",
        scale=alt.Scale(domain=[least, most], nice=False, zero=False),
        axis=alt.Axis(title=f"File size, {unit_name}", tickCount=max(3, width // 110), format="~g"),
    )
    what = "Upper bound on dangerous replies" if story.bounded else "Rate of dangerous replies"
    ticks = [tick for tick in _TICKS if tick <= top]
    y = alt.Y(
        "upper:Q",
        scale=alt.Scale(type="sqrt", domain=[0, top], nice=False),
        axis=alt.Axis(title=f"{what} (square-root scale)", values=ticks, format="~%"),
    )
    layers = [_limit(limit, y), _frontier(rows, unit, x, y), *_models(rows, unit, x, y)]
    texts = _texts([*labels, limit_label], limit_label, width, height)
    chart = (
        alt.layer(alt.layer(*layers), *texts)
        .resolve_scale(x="independent", y="independent")
        .properties(width=width, height=height, background="transparent", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=_GRID, domainColor=_MUTED, tickColor=_MUTED, labelColor=_MUTED, titleColor=_MUTED,
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", titlePadding=12,
        )
    )  # fmt: skip
    return _inline(vl_convert.vegalite_to_svg(chart.to_dict()))


def _limit(limit: float, y: alt.Y) -> alt.Chart:
    plot = alt.Chart(alt.InlineData(values=[{"upper": limit}]))
    line: alt.Chart = plot.mark_rule(color=VERDICTS["dangerous"].light, strokeDash=[6, 4], strokeWidth=1.5)
    return line.encode(y=y)


def _frontier(rows: Sequence[Row], unit: float, x: alt.X, y: alt.Y) -> alt.Chart:
    """A stair through the levels than which no other is both smaller and safer."""
    values = [
        {"size": (row.model.bytes or 0) / unit, "upper": row.model.danger.upper} for row in frontier(rows)
    ]
    plot = alt.Chart(alt.InlineData(values=values))
    line: alt.Chart = plot.mark_line(
        interpolate="step-after", color=_MUTED, strokeWidth=1.5, strokeDash=[2, 3]
    )
    return line.encode(x=x, y=y, order=alt.Order("size:Q"))


def _models(rows: Sequence[Row], unit: float, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Each level's symbol, its line down to the rate that was seen, and a ring round the selected one."""
    values = [
        {
            "symbol": row.look.symbol,
            "colour": row.look.light,
            "size": (row.model.bytes or 0) / unit,
            "upper": row.model.danger.upper,
            "rate": row.model.danger.rate,
        }
        for row in rows
    ]
    chosen = [value for value, row in zip(values, rows, strict=True) if row.role == "selected"]
    plot, ring = alt.Chart(alt.InlineData(values=values)), alt.Chart(alt.InlineData(values=chosen))
    colour = alt.Color("colour:N", scale=None)
    symbol = plot.mark_text(fontSize=19, fontWeight=700, baseline="middle").encode(x=x, y=y, text="symbol:N")
    return [
        plot.mark_rule(strokeWidth=1.5, opacity=0.45).encode(x=x, y=y, y2="rate:Q", color=colour),
        plot.mark_point(filled=True, size=320, color=_PAPER, opacity=1).encode(x=x, y=y),
        symbol.encode(color=colour),
        ring.mark_point(size=480, color=_INK, strokeWidth=1.5, opacity=1).encode(x=x, y=y),
    ]


def _texts(labels: Sequence[Placed], limit: Placed, width: int, height: int) -> list[alt.Chart]:
    """Labels at their places in pixels, over a halo of paper, and leaders to those that stand apart."""
    values = [
        {
            "text": label.text,
            "x": label.x,
            "y": label.y,
            "from_x": label.from_x,
            "from_y": label.from_y,
            "apart": label.apart,
            "colour": VERDICTS["dangerous"].light if label is limit else _INK,
        }
        for label in labels
    ]
    plot = alt.Chart(alt.InlineData(values=values))
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, width], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[height, 0], nice=False), axis=None)
    leaders = plot.transform_filter("datum.apart").mark_rule(color=_MUTED, strokeWidth=0.75)
    halo = plot.mark_text(fontSize=12.5, fontWeight=600, baseline="middle", stroke=_PAPER, strokeWidth=4)
    words = plot.mark_text(fontSize=12.5, fontWeight=600, baseline="middle")
    return [
        leaders.encode(x=x, y=y, x2="from_x:Q", y2="from_y:Q"),
        halo.encode(x=x, y=y, text="text:N"),
        words.encode(x=x, y=y, text="text:N", color=alt.Color("colour:N", scale=None)),
    ]


def _themed(found: re.Match[str]) -> str:
    """Name a colour by its CSS variable, with itself as the fallback."""
    return f"var(--{_PAINTS[found[0]]},{found[0]})" if found[0] in _PAINTS else found[0]


def _inline(svg: str) -> Markup:
    """Fit a picture into the page: no styles (the page forbids them), fonts or fixed size; themed colours."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own renderer's output
    for node in root.iter():
        dropped = {"style", "font-family", "class", "role"}
        for name in [n for n in node.attrib if n in dropped or n.startswith("aria-")]:
            del node.attrib[name]
    width, height = root.attrib.pop("width"), root.attrib.pop("height")
    root.attrib.setdefault("viewBox", f"0 0 {width} {height}")
    root.attrib.update({"aria-hidden": "true", "focusable": "false"})
    text = ElementTree.tostring(root, encoding="unicode")
    text = re.sub(r"#[0-9a-f]{6}", _themed, text)
    return Markup(text)  # noqa: S704 - serialized by ElementTree, which escapes every text
