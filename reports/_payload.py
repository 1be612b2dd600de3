"""All replies of a report, packed for the page: each prompt, check and act once, then gzip and base64."""

import base64
import gzip
import json
from collections.abc import Hashable
from typing import TypeVar

from quant_triage.harness import ReplyResult, reply_hash

from ._story import Story
from ._text import utf16_length, visible
from ._words import FINISHES, GRADES, SEVERITIES, fault_name, scenario_name

T = TypeVar("T", bound=Hashable)
Check = tuple[str, str, str, str, str]


def _number(values: dict[T, int], value: T) -> int:
    """Number values in order of first occurrence."""
    return values.setdefault(value, len(values))


def pack(story: Story) -> str:
    """Pack every reply as base64 of gzipped JSON; all text is already visible (see ``_text.visible``).

    Replies to one prompt stand together: they resemble each other most, so they compress best.
    Offsets of findings count UTF-16 units of the visible text, as browsers do.
    """
    prompts: dict[str, dict[str, object]] = {}
    grouped: dict[str, list[list[object]]] = {}
    checks: dict[Check, int] = {}
    acts: dict[str, int] = {}
    rows = story.asked
    order = sorted(range(len(rows)), key=lambda i: not rows[i].model.reference)
    for number in order:
        for reply in rows[number].model.replies:
            prompts.setdefault(
                reply.prompt_id,
                {
                    "id": visible(reply.prompt_id),
                    "scenario": reply.scenario,
                    "text": visible(reply.prompt),
                },
            )
            grouped.setdefault(reply.prompt_id, []).append([number, *_reply(reply, checks, acts)])
    page = {
        "models": [
            {
                "key": visible(row.key),
                "name": visible(row.model.name),
                "role": row.role,
                "verdict": row.model.verdict,
            }
            for row in rows
        ],
        "grades": {name: {"word": look.word, "symbol": look.symbol} for name, look in GRADES.items()},
        "severities": SEVERITIES,
        "finishes": FINISHES,
        "scenarios": {name: scenario_name(name) for name in story.result.suite.scenarios},
        "checks": [
            dict(zip(("check", "severity", "fault", "why", "source"), c, strict=True)) for c in checks
        ],
        "acts": list(acts),
        "prompts": [{**prompts[name], "replies": grouped[name]} for name in prompts],
    }
    text = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _act(check: str) -> str:
    """A required act's id in words."""
    return visible(check).replace("_", " ")


def _reply(reply: ReplyResult, checks: dict[Check, int], acts: dict[str, int]) -> list[object]:
    """One reply as a row, in the order that the page's ``revive`` reads; a flag has its label's key."""
    findings = []
    for finding in reply.findings:
        fault = fault_name(finding.kind, finding.severity)
        words = (finding.check, finding.severity, fault, finding.why, finding.source)
        check, severity, fault, why, source = map(visible, words)
        start = utf16_length(visible(reply.reply[: finding.start]))
        length = utf16_length(visible(reply.reply[finding.start : finding.end]))
        findings.append([_number(checks, (check, severity, fault, why, source)), start, start + length])
    return [
        reply.sample,
        reply.grade,
        visible(reply.reply),
        reply.finish_reason,
        round(reply.coverage * 100),
        findings,
        [_number(acts, _act(act)) for act in reply.required.met],
        [_number(acts, _act(act)) for act in reply.required.missing],
        int(reply.dismissed),
        reply_hash(reply.prompt, reply.reply) if reply.grade == "dangerous" else 0,
    ]
