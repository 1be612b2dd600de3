"""What an instruction data set holds: counts, lengths, sources, as figures for its card and as a chart."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from quant_triage.data import Record

from ._dataset import Row

NO_SCENARIO = "(none)"
_SOURCES = "; "
_BIN_WORDS = 10


class Spread(Record):
    """Smallest, median and largest of some counts."""

    least: int
    median: float
    most: int

    def __str__(self) -> str:
        return f"{self.least:,} to {self.most:,}, median {self.median:,.0f}"


class Description(Record):
    """Statistics of a data set; words are what white space separates.

    Attributes:
        replies: Replies that differ from one another.
        conversations: Rows with turns before the question.
        asked: Words of each question, in the order of the rows.
        replied: Words of each reply, likewise.
        beyond_ascii: Characters that ASCII lacks, with how often they occur; letters here hint at languages.
        scenarios: Rows of each scenario, most first.
        sources: Rows that name each source, most first.
    """

    rows: int
    replies: int
    conversations: int
    asked: tuple[int, ...]
    replied: tuple[int, ...]
    beyond_ascii: dict[str, int]
    scenarios: dict[str, int]
    sources: dict[str, int]

    def markdown(self) -> str:
        """Return the figures as two Markdown tables: the whole, and the sources."""
        least, most = min(self.scenarios.values()), max(self.scenarios.values())
        letters = ", ".join(f"{character!r} {count:,}" for character, count in self.beyond_ascii.items())
        figures = {
            "rows": f"{self.rows:,}",
            "different replies": f"{self.replies:,}",
            "conversations of several turns": f"{self.conversations:,}",
            "scenarios": f"{len(self.scenarios)}, each with {least:,} to {most:,} rows",
            "words of a question": str(_spread(self.asked)),
            "words of a reply": str(_spread(self.replied)),
            "characters beyond ASCII": letters or "none",
        }
        return _table(("", ""), figures) + "\n" + _table(("source", "rows"), self.sources)

    def chart(self) -> str:
        """Return an SVG: rows of each scenario, and how long questions and replies are."""
        import altair as alt  # noqa: PLC0415  # slow, and only charts need it
        import vl_convert  # noqa: PLC0415

        bars = (
            alt.Chart(alt.InlineData([{"scenario": k, "rows": v} for k, v in self.scenarios.items()]))
            .mark_bar()
            .encode(x=alt.X("rows:Q"), y=alt.Y("scenario:N", sort="-x", title=None))
            .properties(title="Rows of each scenario", width=320)
        )
        lengths = [
            {"part": part, "words": words}
            for part, counts in (("question", self.asked), ("reply", self.replied))
            for words in counts
        ]
        histogram = (
            alt.Chart(alt.InlineData(lengths))
            .mark_bar()
            .encode(
                x=alt.X("words:Q", bin=alt.Bin(step=_BIN_WORDS), title="words"),
                y=alt.Y("count():Q", title="rows"),
                row=alt.Row("part:N", title=None),
            )
            .properties(title="Length", width=320, height=200)
        )
        svg: str = vl_convert.vegalite_to_svg(alt.hconcat(bars, histogram).to_json())
        return svg


def describe(rows: Sequence[Row]) -> Description:
    """Count what the rows hold; at least one row is needed."""
    texts = [text for row in rows for text in (row.instruction, row.output)]
    return Description(
        rows=len(rows),
        replies=len({row.output for row in rows}),
        conversations=sum(bool(row.before) for row in rows),
        asked=tuple(len(row.instruction.split()) for row in rows),
        replied=tuple(len(row.output.split()) for row in rows),
        beyond_ascii=_most_first(character for text in texts for character in text if ord(character) > 127),
        scenarios=_most_first(row.scenario or NO_SCENARIO for row in rows),
        sources=_most_first(source for row in rows for source in (row.source or "(none)").split(_SOURCES)),
    )


def _most_first(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))


def _spread(counts: Sequence[int]) -> Spread:
    return Spread(least=min(counts), median=statistics.median(counts), most=max(counts))


def _table(heads: tuple[str, str], values: Mapping[str, int | str]) -> str:
    lines = [f"| {' | '.join(heads)} |", "| --- | --- |"]
    lines += [
        f"| {name} | {f'{value:,}' if isinstance(value, int) else value} |" for name, value in values.items()
    ]
    return "\n".join(lines) + "\n"
