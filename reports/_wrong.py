"""What went wrong, each fault once with the models that show it; and the flags that reviewers dismissed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quant_triage.harness import Finding, ReplyResult, Review, reply_hash

from ._row import Row
from ._words import SEVERITIES


@dataclass(frozen=True)
class Sighting:
    """A fault in one model: the first reply that shows it, and how many do."""

    row: Row
    reply: ReplyResult
    replies: int


@dataclass(frozen=True)
class Fault:
    """One check that was broken, quoted from the first reply that breaks it worst.

    Attributes:
        seen: The models that show it, in order of rank; never empty.
    """

    finding: Finding
    reply: ReplyResult
    row: Row
    seen: tuple[Sighting, ...]

    @property
    def replies(self) -> int:
        """Replies that show it, over all models."""
        return sum(sighting.replies for sighting in self.seen)

    @property
    def shown_by(self) -> str:
        """The models that show it, each with its number of replies."""
        return ", ".join(f"{one.row.key} ({one.replies})" for one in self.seen)


@dataclass(frozen=True)
class Dismissal:
    """A flag that a reviewer dismissed, once for all models that wrote the same text.

    Attributes:
        review: Who, when and why; ``None`` in a report that does not say.
    """

    review: Review | None
    reply: ReplyResult
    rows: tuple[Row, ...]


def _standing(reply: ReplyResult) -> dict[str, Finding]:
    """A reply's faults that nobody dismissed and that have words to quote, one for each check."""
    if reply.dismissed:
        return {}
    quoted = [finding for finding in reply.findings if finding.quote and finding.kind != "refusal"]
    return {finding.check: finding for finding in reversed(quoted)}


def faults(rows: Sequence[Row]) -> list[Fault]:
    """Gather every fault once: the worst first, then what most models and most replies show."""
    order = list(SEVERITIES)
    worst: dict[str, tuple[Finding, ReplyResult, Row]] = {}
    seen: dict[str, dict[str, Sighting]] = {}
    for row in rows:
        for reply in row.model.replies:
            for check, finding in _standing(reply).items():
                known = worst.setdefault(check, (finding, reply, row))
                if order.index(finding.severity) < order.index(known[0].severity):
                    worst[check] = finding, reply, row
                here = seen.setdefault(check, {})
                before = here.get(row.key)
                here[row.key] = (
                    Sighting(row, before.reply, before.replies + 1) if before else Sighting(row, reply, 1)
                )
    found = [Fault(*worst[check], tuple(seen[check].values())) for check in worst]
    return sorted(
        found,
        key=lambda one: (order.index(one.finding.severity), -len(one.seen), -one.replies, one.finding.check),
    )


def dismissals(rows: Iterable[Row]) -> list[Dismissal]:
    """Gather the flags that reviewers dismissed, by the text that was flagged."""
    found: dict[str, tuple[Review | None, ReplyResult, dict[str, Row]]] = {}
    for row in rows:
        for reply in row.model.replies:
            if reply.dismissed:
                entry = found.setdefault(reply_hash(reply.prompt, reply.reply), (reply.review, reply, {}))
                entry[2].setdefault(row.key, row)
    return [Dismissal(review, reply, tuple(rows.values())) for review, reply, rows in found.values()]
