"""All replies of a report, packed for the page: each prompt, check and act once, then gzip and base64."""

import base64
import gzip
import io
import itertools
import json
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from quant_triage.harness import ReplyResult, reply_hash

from ._row import Row
from ._story import Story
from ._text import utf16_length, visible
from ._words import FINISHES, GRADES, SEVERITIES, fault_name, reviewed, scenario_name

T = TypeVar("T", bound=Hashable)
Check = tuple[str, str, str, str, str]
_BLOCK = 3 << 16  # bytes; base64 turns three into four, and only the last ones need padding


def _number(values: dict[T, int], value: T) -> int:
    """Number values in order of first occurrence."""
    return values.setdefault(value, len(values))


def pack(story: Story) -> Iterator[str]:
    """Pack every reply as base64 of gzipped JSON, piece by piece, each reply out of its file when it is due.

    All text is already visible (see ``_text.visible``). Replies to one prompt stand together: they resemble
    each other most, so they compress best. Offsets of findings count UTF-16 units of the visible text, as
    browsers do.
    """
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as packed:
        for text in _unpacked(story):
            packed.write(text.encode())
            if buffer.tell() >= _BLOCK:
                whole = buffer.getvalue()
                yield base64.b64encode(whole[:_BLOCK]).decode()
                buffer.seek(0)
                buffer.truncate()
                buffer.write(whole[_BLOCK:])
    yield base64.b64encode(buffer.getvalue()).decode()


def _unpacked(story: Story) -> Iterator[str]:
    """The JSON: prompts with their replies, then what these refer to."""
    checks: dict[Check, int] = {}
    acts: dict[str, int] = {}
    yield '{"prompts":['
    for number, found in enumerate(_by_prompt(story.asked)):
        yield f"{',' if number else ''}{_json(_prompt(story.asked, found, checks, acts))}"
    yield f"],{_json(_tables(story, checks, acts))[1:]}"


def _by_prompt(rows: Sequence[Row]) -> Iterator[list[tuple[int, int]]]:
    """For each prompt, in order of first occurrence, row and place of every reply, the reference's first."""
    prompts: dict[str, int] = {}
    replies = np.fromiter(
        (
            (prompts.setdefault(reply.prompt_id, len(prompts)), number, place)
            for number in sorted(range(len(rows)), key=lambda i: not rows[i].model.reference)
            for place, reply in enumerate(rows[number].model.replies)
        ),
        np.dtype([("prompt", np.uint32), ("row", np.uint16), ("place", np.uint32)]),
    )
    prompts.clear()
    order = np.argsort(replies["prompt"], kind="stable")
    for _, of in itertools.groupby(order, key=lambda reply: int(replies["prompt"][reply])):
        yield [(int(replies["row"][reply]), int(replies["place"][reply])) for reply in of]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _prompt(
    rows: Sequence[Row], places: list[tuple[int, int]], checks: dict[Check, int], acts: dict[str, int]
) -> dict[str, object]:
    """One prompt with every model's replies to it."""
    found = [(number, rows[number].model.replies[place]) for number, place in places]
    first = found[0][1]
    return {
        "id": visible(first.prompt_id),
        "scenario": first.scenario,
        "text": visible(first.prompt),
        "replies": [[number, *_reply(reply, checks, acts)] for number, reply in found],
    }


def _tables(story: Story, checks: dict[Check, int], acts: dict[str, int]) -> dict[str, object]:
    """What the rows of replies refer to by number, and the words for what they hold."""
    return {
        "models": [
            {
                "key": visible(row.key),
                "name": visible(row.model.name),
                "role": row.role,
                "verdict": row.model.verdict,
            }
            for row in story.asked
        ],
        "grades": {name: {"word": look.word, "symbol": look.symbol} for name, look in GRADES.items()},
        "severities": SEVERITIES,
        "finishes": FINISHES,
        "scenarios": {name: scenario_name(name) for name in story.result.suite.scenarios},
        "checks": [
            dict(zip(("check", "severity", "fault", "why", "source"), c, strict=True)) for c in checks
        ],
        "acts": list(acts),
    }


def _act(check: str) -> str:
    """A required act's id in words."""
    return visible(check).replace("_", " ")


def _review(reply: ReplyResult) -> dict[str, str] | int:
    """A reviewer's word on the flag: in words, and as a label to be exported again."""
    if not (reply.dismissed or reply.review):
        return 0
    label = {} if reply.review is None else reply.review.model_dump(mode="json")
    return {name: visible(str(value)) for name, value in {**label, "words": reviewed(reply.review)}.items()}


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
        _review(reply),
        reply_hash(reply.prompt, reply.reply) if reply.grade == "dangerous" else 0,
    ]
