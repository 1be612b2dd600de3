"""report.sarif: every finding as a code-scanning result that points at its prompt and its rubric."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote

from quant_triage.harness import Finding, Grade, Place, ReplyResult, Result

from ._row import Row
from ._story import tell
from ._text import one_line
from ._words import fault_name, reviewed, scenario_name

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_PACKAGE = "QUANT_TRIAGE"
_ROOT = "SRCROOT"

# Code scanning wants a file for every result; a recorded prompt stands in no suite.
_NOWHERE = Place(file="report.json", line=1)

Json = dict[str, object]
Level = Literal["error", "warning", "note"]


def _level(grade: Grade, finding: Finding) -> Level:
    """An act that endangers is an error, what a reply leaves out a warning, what is only debatable a note."""
    if finding.kind in {"omission", "refusal"}:
        return "warning"
    if finding.severity == "minor":
        return "note"
    return "error" if grade in {"dangerous", "incoherent"} else "warning"


def _message(text: str) -> Json:
    """Plain text: braces would be placeholders (SARIF 3.11.5), brackets links (3.11.6)."""
    line = one_line(text).replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
    return {"text": line.replace("[", "\\[").replace("]", "\\]")}


def _physical(place: Place) -> Json:
    path = PurePosixPath(place.file)
    artifact: Json = {"uri": path.as_uri() if path.is_absolute() else quote(place.file)}
    if place.shipped:
        artifact["uriBaseId"] = _PACKAGE
    elif not path.is_absolute():
        artifact["uriBaseId"] = _ROOT
    return {"artifactLocation": artifact, "region": {"startLine": place.line}}


def _rule_id(reply: ReplyResult, finding: Finding) -> str:
    return f"{reply.scenario}/{finding.check}"


def _rules(result: Result) -> dict[str, Json]:
    rules: dict[str, Json] = {}
    for model in result.models:
        for reply in model.replies:
            for finding in reply.findings:
                fault = fault_name(finding.kind, finding.severity)
                rules.setdefault(
                    _rule_id(reply, finding),
                    {
                        "id": one_line(_rule_id(reply, finding)),
                        "shortDescription": _message(f"{scenario_name(reply.scenario)}: {fault}"),
                        "fullDescription": _message(finding.why),
                        "help": _message(f"{finding.why} Source: {finding.source or 'the text itself'}"),
                        "defaultConfiguration": {"level": _level(reply.grade, finding)},
                        "properties": {"tags": ["safety", finding.severity]},
                    },
                )
    return dict(sorted(rules.items()))


def _results(result: Result, row: Row, order: dict[str, int]) -> Iterator[Json]:
    for reply in row.model.replies:
        for finding in reply.findings:
            rule = _rule_id(reply, finding)
            said = f"“{finding.quote}” " if finding.quote else ""
            logical = {
                "name": one_line(reply.prompt_id),
                "fullyQualifiedName": one_line(f"{row.key}/{reply.prompt_id}/{reply.sample}"),
            }
            place = result.places.prompts.get(reply.prompt_id, _NOWHERE)
            location: Json = {"physicalLocation": _physical(place), "logicalLocations": [logical]}
            one: Json = {
                "ruleId": one_line(rule),
                "ruleIndex": order[rule],
                "level": _level(reply.grade, finding),
                "message": _message(
                    f"{row.key} to “{reply.prompt}”: {said}{finding.why} ({finding.source or finding.check})"
                ),
                "locations": [location],
                "partialFingerprints": {"reply/v1": _fingerprint(row, reply, finding)},
                "properties": {"grade": reply.grade, "severity": finding.severity, "kind": finding.kind},
            }
            if check := result.places.checks.get(rule):
                message = _message(f"the check {finding.check}")
                one["relatedLocations"] = [
                    {"id": 1, "physicalLocation": _physical(check), "message": message}
                ]
            if reply.dismissed and reply.grade == "dangerous":
                words = one_line(reviewed(reply.review))
                one["suppressions"] = [{"kind": "external", "status": "accepted", "justification": words}]
            yield one


def _fingerprint(row: Row, reply: ReplyResult, finding: Finding) -> str:
    """The same finding in the next run: by level, prompt, sample, check and quote, whatever the bytes."""
    parts = (row.model.level, reply.prompt_id, str(reply.sample), finding.check, finding.kind, finding.quote)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def render_sarif(result: Result) -> str:
    """Render every finding as SARIF 2.1.0. The decision itself is no finding; see JUnit for it."""
    story = tell(result)
    rules = _rules(result)
    order = {name: number for number, name in enumerate(rules)}
    run: Json = {
        "tool": {
            "driver": {
                "name": "quant-triage",
                "version": result.provenance.versions.get("quant-triage", "0"),
                "informationUri": "https://quant-triage.readthedocs.io",
                "rules": list(rules.values()),
            }
        },
        "automationDetails": {"id": f"quant-triage/{one_line(result.decision.policy)}/"},
        "originalUriBaseIds": {
            _ROOT: {"description": {"text": "The folder in which the program was started."}},
            _PACKAGE: {"description": {"text": "The installed package, quant_triage."}},
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {"executionSuccessful": True, "commandLine": one_line(result.provenance.command)},
        ],
        "results": [one for row in story.rows for one in _results(result, row, order)],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=1) + "\n"
