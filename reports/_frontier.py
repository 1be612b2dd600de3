"""A search as a picture: every candidate's bound on danger against its size, drawn by Vega-Altair."""

import altair as alt
import vl_convert

from quant_triage.harness import SearchRecord

from ._words import VERDICTS, Look

_INK, _MUTED, _GRID, _PAPER = "#1d2430", "#5a6473", "#dfe3e8", "#fbfbf9"


def _points(record: SearchRecord, unit: float) -> list[dict[str, str | float]]:
    """One point a candidate: confirmed ones by their verdict, others by what the search saw last."""
    points: list[dict[str, str | float]] = []
    for one in record.candidates:
        size = one.bytes / unit
        label = one.name if one.stock or one.outcome in {"finalist", "found"} else ""
        if one.confirmation is not None:
            look: Look = VERDICTS[one.confirmation.verdict]
            points.append(
                {
                    "size": size,
                    "upper": one.confirmation.upper,
                    "symbol": look.symbol,
                    "colour": look.light,
                    "label": label,
                    "kind": "level" if one.stock else "recipe",
                    "found": one.outcome == "found",
                }
            )
        elif one.rounds:
            points.append(
                {
                    "size": size,
                    "upper": one.rounds[-1].upper,
                    "symbol": "○",
                    "colour": _MUTED,
                    "label": label,
                    "kind": "searched",
                    "found": False,
                }
            )
    return points


def _frontier(points: list[dict[str, str | float]]) -> list[dict[str, str | float]]:
    """The confirmed points than which no other is both as small and as safe, by size."""
    best: list[dict[str, str | float]] = []
    confirmed = [point for point in points if point["kind"] != "searched"]
    for point in sorted(confirmed, key=lambda p: (float(p["size"]), float(p["upper"]))):
        if not best or float(point["upper"]) < float(best[-1]["upper"]):
            best.append(point)
    return best


def frontier_picture(record: SearchRecord, width: int = 900, height: int = 420) -> str:
    """Draw the upper bounds on danger against the sizes of all candidates that were asked, as SVG.

    Symbols are verdicts on the prompts that the search never saw; hollow circles are bounds on those that it
    asked. A ring is round the file that was found, and a dotted stair through those than which no other is
    both smaller and safer.
    """
    unit, unit_name = (1e9, "GB") if max(one.bytes for one in record.candidates) >= 1e9 else (1e6, "MB")
    points = _points(record, unit)
    x = alt.X(
        "size:Q", scale=alt.Scale(zero=False, padding=30), axis=alt.Axis(title=f"File size, {unit_name}")
    )
    y = alt.Y(
        "upper:Q",
        scale=alt.Scale(type="sqrt", domainMin=0, nice=True),
        axis=alt.Axis(title="Upper bound on dangerous replies (square-root scale)", format="~%"),
    )
    plot = alt.Chart(alt.InlineData(values=points))
    limit = alt.Chart(alt.InlineData(values=[{"upper": record.limit}])).mark_rule(
        color=VERDICTS["dangerous"].light, strokeDash=[6, 4], strokeWidth=1.5
    )
    stair = alt.Chart(alt.InlineData(values=_frontier(points))).mark_line(
        interpolate="step-after", color=_MUTED, strokeDash=[2, 3], strokeWidth=1.5
    )
    colour = alt.Color("colour:N", scale=None)
    layers = [
        limit.encode(y=y),
        stair.encode(x=x, y=y, order=alt.Order("size:Q")),
        plot.mark_text(fontSize=18, fontWeight=700, baseline="middle").encode(
            x=x, y=y, text="symbol:N", color=colour
        ),
        plot.transform_filter("datum.found")
        .mark_point(size=480, color=_INK, strokeWidth=1.5, opacity=1)
        .encode(x=x, y=y),
        plot.mark_text(fontSize=11, dy=-15, color=_INK).encode(x=x, y=y, text="label:N"),
    ]
    chart = (
        alt.layer(*layers)
        .properties(width=width, height=height, background=_PAPER, padding=12)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=_GRID, domainColor=_MUTED, tickColor=_MUTED, labelColor=_MUTED, titleColor=_MUTED
        )
    )
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return svg
