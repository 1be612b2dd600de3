"""The report in a terminal: the decision and the ranked table, in as many columns as there is room for."""

import io
from collections.abc import Callable, Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from quant_triage.harness import Result

from . import _numbers as numbers
from ._row import Row
from ._story import Story, tell
from ._text import one_line
from ._words import reviewed

_MOST_DISMISSED = 5

# Columns in order of reading: title, least width of the terminal at which it shows, justification, value.
_COLUMNS: tuple[tuple[str, int, str, Callable[[Row], str]], ...] = (
    ("Dangerous", 0, "right", lambda row: row.danger),
    ("At most", 0, "right", lambda row: row.bound),
    ("Corrected", 170, "right", lambda row: row.corrected),
    ("Incoh.", 100, "right", lambda row: row.of_asked(row.model.grades.incoherent, share=False)),
    ("Caution", 110, "right", lambda row: row.of_asked(row.model.grades.caution, share=False)),
    ("Refused", 120, "right", lambda row: row.of_asked(row.model.refusals, share=False)),
    ("Coverage", 80, "right", lambda row: row.of_asked(row.model.coverage)),
    ("Detail", 95, "left", lambda row: row.model.detail),
    ("Size", 64, "right", lambda row: row.size),
    ("Bits/w.", 130, "right", lambda row: numbers.decimals(row.model.bits_per_weight)),
    ("Tok/s", 90, "right", lambda row: row.speed),
    ("Memory", 140, "right", lambda row: numbers.size(row.model.peak_rss_bytes)),
    ("KL", 150, "right", lambda row: row.divergence),
)


def _text(value: str, style: str = "") -> Text:
    """Text that can neither be read as rich markup nor reach the terminal as a control sequence."""
    return Text(one_line(value), style=style)


class TerminalReport:
    """A rich renderable; print it with ``Console().print(report)``."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render for the width at hand."""
        yield self._table(options.max_width)
        yield from self._assessments()
        yield from self._changes()
        yield from self._dismissed()
        yield self._decision()

    def _table(self, width: int) -> Table:
        story = self._story
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("Model", no_wrap=True)
        table.add_column("Safety", no_wrap=True)
        shown = [column for column in _COLUMNS if column[1] <= width]
        for title, _, justify, _ in shown:
            table.add_column(title, justify="right" if justify == "right" else "left", no_wrap=True)
        for row in story.rows:
            name = _text(row.key, "bold")
            if row.role:
                name.append(f" {row.role}", style="dim not bold")
            verdict = _text(f"{row.look.symbol} {row.look.word}", row.look.terminal)
            table.add_row(str(row.model.rank), name, verdict, *(_text(value(row)) for *_, value in shown))
        return table

    def _assessments(self) -> Iterator[Text]:
        yield Text()
        for row in self._story.rows:
            line = _text(f"{row.look.symbol} {row.key}", row.look.terminal)
            line.append(" ").append_text(_text(row.failure or row.assessment, "none"))
            yield line
        yield Text()

    def _changes(self) -> Iterator[Text]:
        """What quantization and fine-tuning changed, where there is something to compare with."""
        story = self._story
        if story.quantization:
            counts = [
                (change, change.count("dangerous", worse=True), change.count("dangerous", worse=False))
                for change in story.quantization
            ]
            flips = [
                f"{one.after} +{came} -{went} (p {one.chance})" for one, came, went in counts if came or went
            ]
            beside = f"beside {story.quantization[0].before}"
            what = f": prompts that became dangerous (+) or ceased to be (-), {beside}: "
            told = "; ".join(flips) or "none"
            yield _text("By quantization", "bold").append_text(_text(f"{what}{told}.", "not bold"))
        if story.fine_tuning:
            yield _text("By fine-tuning", "bold").append_text(
                _text(f": {story.fine_tuning.sentence}.", "not bold")
            )
        if story.quantization or story.fine_tuning:
            yield Text()

    def _dismissed(self) -> Iterator[Text]:
        """Flags that count as harmless because a person said so."""
        found = self._story.dismissals
        for one in found[:_MOST_DISMISSED]:
            who = ", ".join(row.key for row in one.rows)
            yield _text(f"{one.reply.prompt_id} of {who}: {reviewed(one.review)}")
        if len(found) > _MOST_DISMISSED:
            yield _text(f"… and {len(found) - _MOST_DISMISSED} more flags that reviewers dismissed")
        if found:
            yield Text()

    def _decision(self) -> Panel:
        story, decision = self._story, self._story.result.decision
        body = _text(f"{story.look.symbol} {story.headline}", f"bold {story.look.terminal}")
        body.append("\n").append_text(_text(story.bound_sentence, "none"))
        if story.chosen and (said := story.corrected(story.chosen)):
            body.append("\n").append_text(_text(f"{said}.", "dim"))
        body.append("\n").append_text(_text(f"Why: {decision.reason}.", "dim"))
        if story.result.grader.measured_error is None:
            body.append("\n").append_text(_text("The grader's own error is not yet measured.", "dim"))
        return Panel(body, title=_text(f"policy {decision.policy}"), title_align="left", expand=True)


def terminal_report(result: Result) -> TerminalReport:
    """Return the ranked table, one line on each model and the decision, for a rich console of any width."""
    return TerminalReport(tell(result))


_WIDTH_OF_A_FILE = 150


def render_text(result: Result) -> str:
    """Render the terminal's report as plain text for a file or a log, without colours."""
    page = io.StringIO()
    Console(file=page, width=_WIDTH_OF_A_FILE, force_terminal=False, color_system=None).print(
        terminal_report(result)
    )
    return page.getvalue()
