"""A grader's measured error in a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quant_triage.harness import (
    GOLD_GRADES,
    Estimate,
    MeasuredError,
    Miss,
    Share,
    Validation,
)

MOST_CHECKS = 25
NOT_KNOWN = "n/a"


def show_validation(
    console: Console, found: Validation, measured: MeasuredError | None, *, flattered: bool
) -> None:
    """Print figures, tables and misses, and what the record says of this grader.

    Args:
        console: Where to.
        found: What was measured.
        measured: What is recorded of this very grader, if anything.
        flattered: Whether rules were developed on some of the replies.
    """
    files = ", ".join(f"{source.name} ({source.sha256[:12]})" for source in found.gold)
    title = _plain(f"{found.grader} {found.version}", "bold")
    title.append(f" on {found.n} labelled replies, {found.dangerous} of them dangerous: {files}", "not bold")
    console.print(title)
    false = sum(check.false > 0 for check in found.checks)
    more = f" ({MOST_CHECKS} of {false}; --json has all)" if false > MOST_CHECKS else ""
    for heading, table in (
        ("Figures", _figures(found)),
        ("Labelled (rows), given (columns)", _confusion(found)),
        ("Scenarios with errors", _scenarios(found)),
        (f"Checks that fired against the labels{more}", _checks(found)),
    ):
        if table.row_count:
            console.print(Text(f"\n{heading}", style="bold"))
            console.print(table)
    for miss in found.misses:
        console.print(_headline(miss))
        console.print(_miss(miss))
    console.print()
    _list_ids(console, found)
    for note in _notes(found, measured, flattered=flattered):
        console.print(_plain(note, "dim"))


def _plain(text: object, style: str = "") -> Text:
    """Text that can neither be read as markup nor reach the terminal as a control sequence."""
    return Text("".join(c if c.isprintable() else " " for c in str(text)), style=style)


def _percent(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.1%}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _figures(found: Validation) -> Table:
    table = _table("", "value", "95% interval", "of")

    def share(name: str, value: Share, style: str = "") -> None:
        interval = f"{value.low:.1%} to {value.high:.1%}"
        table.add_row(name, _percent(value.value), interval, f"{value.events}/{value.total}", style=style)

    def estimate(name: str, value: Estimate, style: str = "") -> None:
        known = value.low is not None and value.high is not None
        interval = f"{value.low:.1%} to {value.high:.1%}" if known else "no error seen"
        table.add_row(
            name, _percent(value.value), interval if value.value is not None else "", "", style=style
        )

    danger = found.grades["dangerous"]
    share("Dangerous: recall", danger.recall, "bold")
    table.add_row("  at least (one-sided)", _percent(found.sensitivity_lower), "", "")
    share("Dangerous: precision", danger.precision, "bold")
    estimate("Dangerous: F1", danger.f1)
    estimate("Macro-F1 of the grades", found.macro_f1, "bold")
    share("Accuracy", found.accuracy)
    share("Quote hits labelled words", found.located)
    share("Scenario from the prompt", found.inference.accuracy)
    for name, value in (("labels", found.kappa_grader), ("labeller", found.kappa_labellers)):
        whose = "Kappa, grader and labels" if name == "labels" else "Kappa, first and second labeller"
        table.add_row(whose, NOT_KNOWN if value is None else f"{value:.3f}", "", "")
    speed = NOT_KNOWN if found.replies_per_second is None else f"{found.replies_per_second:,.0f}"
    table.add_row("Replies a second", speed, f"{found.words_per_reply:.0f} words each", "")
    return table


def _confusion(found: Validation) -> Table:
    given = [
        *GOLD_GRADES,
        *(["unscored"] if any(row["unscored"] for row in found.confusion.values()) else []),
    ]
    table = _table("", *given, "recall", "precision", "F1")
    for label in GOLD_GRADES:
        cells = [
            _plain(count or "·", "green" if got == label else "red" if count else "dim")
            for got, count in found.confusion[label].items()
            if got in given
        ]
        figures = found.grades[label]
        numbers = (figures.recall.value, figures.precision.value, figures.f1.value)
        table.add_row(label, *cells, *(_percent(number) for number in numbers))
    return table


def _scenarios(found: Validation) -> Table:
    table = _table("scenario", "replies", "wrong", "missed dangers", "false alarms")
    for row in sorted(found.scenarios, key=lambda row: (-row.missed - row.false_alarms, -row.wrong)):
        if row.wrong:
            counts = (row.replies, row.wrong, row.missed or "·", row.false_alarms or "·")
            table.add_row(row.scenario or "not named", *(str(count) for count in counts))
    return table


def _checks(found: Validation) -> Table:
    table = _table("check", "kind", "fired", "falsely")
    for check in [check for check in found.checks if check.false][:MOST_CHECKS]:
        table.add_row(_plain(check.check), check.kind, str(check.fired), str(check.false))
    return table


def _headline(miss: Miss) -> Text:
    verdict = f"  labelled {miss.gold or 'not dangerous'}, graded {miss.got}"
    return Text("\n").append_text(_plain(miss.id, "bold")).append(verdict, "red")


def _miss(miss: Miss) -> Table:
    """Everything about one error, its texts indented so that long replies stay readable."""
    table = Table.grid("", "", padding=(0, 2, 0, 0))
    for quote in dict.fromkeys(label.quote or label.note for label in miss.labels):
        if quote:
            table.add_row("  labelled", _plain(quote, "yellow"))
    for finding in miss.findings:
        what = _plain(f"{finding.check} ({finding.kind}, {finding.severity})")
        if finding.quote:
            what.append(" ").append_text(_plain(f"“{finding.quote}”", "yellow"))
        table.add_row("  found", what)
    table.add_row("  prompt", _plain(miss.prompt))
    table.add_row("  reply", _plain(miss.reply))
    return table


def _list_ids(console: Console, found: Validation) -> None:
    """Name the misses that were not shown in full: those of the test part."""
    shown = {miss.id for miss in found.misses}
    kinds = (
        ("Missed dangers", found.missed),
        ("False alarms", found.false_alarms),
        ("Other errors", found.confused),
    )
    for name, ids in kinds:
        hidden = [one for one in ids if one not in shown]
        if hidden:
            console.print(
                _plain(f"{name} ({len(hidden)}): ", "bold").append_text(_plain(", ".join(hidden), "not bold"))
            )


def _notes(found: Validation, measured: MeasuredError | None, *, flattered: bool) -> Iterable[str]:
    if found.without_rubric:
        names = ", ".join(found.without_rubric)
        yield f"Left out, no rubric: {sum(found.without_rubric.values())} replies of {names}."
    if found.failed:
        yield f"The grader raised an error, which is a fault of its own, on: {', '.join(found.failed)}."
    if found.disputed:
        yield f"Left out, labels differ: {', '.join(found.disputed)}."
    if found.reviewed or found.unmatched_reviews:
        yield (
            f"Reviewers' labels: {found.reviewed} used, {found.unmatched_reviews} for texts that are in none "
            "of the files."
        )
    if flattered:
        yield "Rules are developed on the dev part: only the test part says how they do on replies not seen."
    if measured:
        yield (
            f"Recorded for this grader: recall {measured.recall:.1%} (at least "
            f"{measured.sensitivity_lower:.1%}), precision {measured.precision:.1%} on the "
            f"{measured.labelled} replies of the {measured.source}."
        )
    else:
        yield "Nothing is recorded for this grader and these rubrics, so reports call its error unmeasured."
