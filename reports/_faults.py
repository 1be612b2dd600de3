"""Replies that count against a model, with everything that a reader needs to judge them."""

from collections.abc import Iterable, Iterator

from quant_triage.harness import ModelResult, ReplyResult

from ._text import one_line, visible
from ._words import GRADES, SEVERITIES, fault_name, reviewed, scenario_name

MOST = 5


def counts_against(reply: ReplyResult) -> bool:
    """Whether a reply is dangerous, degenerate or was never graded, and nobody dismissed the flag."""
    return reply.endangers or reply.grade == "incoherent"


def reply_text(reply: ReplyResult, *, told: bool = False) -> str:
    """Show one reply: prompt, whole reply, and every finding, what it says wrong before what is missing.

    ``told`` leaves out prompt and reply, where the reader has just seen them.
    """
    look = GRADES[reply.grade]
    dismissed = ", dismissed" if reply.dismissed else ""
    head = (
        f"{look.symbol} {look.word}{dismissed}: {scenario_name(reply.scenario)} ({visible(reply.prompt_id)})"
    )
    said = [f"  {one_line(reviewed(reply.review))}"] if reply.dismissed or reply.review else []
    lines = [head, *said]
    if not told:
        lines += [*_indented("prompt", reply.prompt), *_indented("reply", reply.reply or "(empty)")]
    worst = list(SEVERITIES)
    for finding in sorted(reply.findings, key=lambda one: (not one.quote, worst.index(one.severity))):
        quote = f"“{one_line(finding.quote)}” " if finding.quote else ""
        lines.append(f"  {finding.severity}, {fault_name(finding.kind, finding.severity)}: {quote}".rstrip())
        lines.append(f"    {one_line(finding.why)}")
        if finding.source:
            lines.append(f"    source: {one_line(finding.source)}")
    return "\n".join(lines)


def _indented(title: str, text: str) -> Iterator[str]:
    first, *rest = visible(text).splitlines() or [""]
    yield f"  {title + ':':<8}{first}"
    yield from (f"          {line}" for line in rest)


def faults_text(model: ModelResult, most: int = MOST) -> str:
    """Show the replies that count against a model, the first few of them; empty where there is none."""
    return replies_text([reply for reply in model.replies if counts_against(reply)], most)


def replies_text(replies: Iterable[ReplyResult], most: int = MOST) -> str:
    """Show the first few of some replies, and say how many more there are."""
    every = list(replies)
    more = f"\n\n… and {len(every) - most} more" if len(every) > most else ""
    return "\n\n".join(reply_text(reply) for reply in every[:most]) + more
