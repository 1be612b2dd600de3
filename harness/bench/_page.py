"""Benchmarks as a page: one section a subject, each written by its own command and by nothing else."""

from pathlib import Path

from quant_triage.data import atomic_write

from ._engine import EngineBench

_HEAD = """\
# Benchmarks

Each section is written by the command that it names, never by hand. Run it to repeat it on your machine.
"""


def write_section(page: Path, subject: str, text: str) -> None:
    """Put ``text`` where the page keeps ``subject``, or at its end; other sections stay as they are.

    Raises:
        NotEnoughSpaceError: The disk is full; the old page stays.
    """
    before = page.read_text(encoding="utf-8") if page.is_file() else _HEAD
    begin, end = f"<!-- {subject}: begin -->\n", f"<!-- {subject}: end -->\n"
    section = f"{begin}{text.rstrip()}\n{end}"
    if begin in before and end in before:
        head, _, rest = before.partition(begin)
        tail = rest.partition(end)[2]
        atomic_write(page, head + section + tail)
    else:
        atomic_write(page, f"{before.rstrip()}\n\n{section}")


def engine_section(bench: EngineBench, *, command: str, when: str, machine: dict[str, str]) -> str:
    """Render an engine benchmark as Markdown."""
    work = bench.work
    where = f"{machine['processor']}, {work.threads} threads, {machine['memory']}, {machine['system']}"
    lines = [
        "## The engine",
        "",
        f"`{command}`, {when}. {where}. {bench.build}.",
        f"While it ran, other programs took {bench.bystanders:.0%} of the processor.",
        "",
        f"Model: `{bench.model}` ({bench.bytes / 1e6:.0f} MB).",
        f"{len(work.prompts)} prompts x {work.tokens} new tokens, greedy; median of {bench.rounds}, in turn.",
        "Time runs from the first prompt token to the last reply; loading is left out.",
        "",
        "| | new tokens/s | lowest to highest | ours over it | asked for |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in bench.rows:
        if row.skipped is not None:
            lines.append(f"| {row.name} | not measured: {row.skipped} | | | at least {row.target:.2f} |")
            continue
        rates = [timing.rate for timing in row.timings]
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        target = (
            "" if row.target is None else f"at least {row.target:.2f}{'' if row.reached else ', **missed**'}"
        )
        lines.append(
            f"| {row.name} | {row.rate:.0f} | {min(rates):.0f} to {max(rates):.0f} | {ratio} | {target} |"
        )
    if bench.flags:
        lines += [
            "",
            f"The peers were compiled from the installed version's source archive: `{bench.flags}`.",
        ]
    return "\n".join(lines)
