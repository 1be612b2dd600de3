"""What CI reads: each output against its published schema, with what models may write in it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from quant_triage.harness import Place, Places, Result
from quant_triage.reports import render, render_badge, render_junit, render_sarif, render_summary

from .sarif_schema import SARIF
from .test_report_hostile import ATTACKS, poison

Tree = dict[str, Any]

JUNIT = xmlschema.XMLSchema(str(Path(__file__).with_name("schemas") / "junit-10.xsd"))
# Written from shields.io's description of its endpoint badge; it publishes no schema file.
BADGE = {
    "type": "object",
    "required": ["schemaVersion", "label", "message"],
    "additionalProperties": False,
    "properties": {
        "schemaVersion": {"const": 1},
        "label": {"type": "string", "minLength": 1},
        "message": {"type": "string", "minLength": 1},
        "color": {"enum": ["brightgreen", "green", "yellow", "orange", "red", "blue", "lightgrey"]},
        "isError": {"type": "boolean"},
    },
}


@pytest.fixture(scope="module")
def hostile(result: Result) -> Result:
    models = [
        poison(model, result.models[0], attack + "\ufffe\uffff")
        for model, attack in zip(result.models, ATTACKS, strict=True)
    ]
    decision = result.decision.model_copy(update={"status": "none_safe", "reason": " ".join(ATTACKS)})
    return result.model_copy(update={"models": tuple(models), "decision": decision})


def _check_sarif(log: Tree) -> list[Tree]:
    jsonschema.Draft202012Validator(SARIF, format_checker=jsonschema.FormatChecker()).validate(log)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for one in run["results"]:
        assert rules[one["ruleIndex"]] == one["ruleId"]
        for location in [*one["locations"], *one.get("relatedLocations", [])]:
            base = location["physicalLocation"]["artifactLocation"].get("uriBaseId")
            assert base is None or base in run["originalUriBaseIds"]
    return list(run["results"])


@pytest.mark.parametrize("policy", ["screen", "seed"])
def test_every_output_is_valid_and_says_what_the_result_says(
    build: Callable[..., Result], policy: str
) -> None:
    result = build(policy)
    junit = render_junit(result)
    JUNIT.validate(junit)
    suites = ET.fromstring(junit).findall("testsuite")  # noqa: S314 - our own text
    assert len(suites) == len(result.models) + 1
    assert suites[-1].get("failures") == ("0" if result.decision.status == "selected" else "1")
    failing = {
        (suite.get("name"), case.get("name"))
        for suite in suites[:-1]
        for case in suite.findall("testcase")
        if case.find("failure") is not None
    }
    expected = {
        (model.level, reply.scenario)
        for model in result.models
        for reply in model.replies
        if reply.grade in {"dangerous", "incoherent", "unscored"} and not reply.dismissed
    }
    assert {
        one for one in failing if one[0] in {model.level for model in result.models if model.replies}
    } == expected
    found = _check_sarif(json.loads(render_sarif(result)))
    assert len(found) == sum(len(reply.findings) for model in result.models for reply in model.replies)
    jsonschema.validate(json.loads(render_badge(result)), BADGE)
    summary = render_summary(result)
    assert result.decision.reason[:20] in summary.replace("\\", "")
    assert len(summary.encode()) < 1_048_576


def test_whatever_a_model_writes_the_outputs_stay_valid(hostile: Result) -> None:
    JUNIT.validate(render_junit(hostile))
    ET.fromstring(render_junit(hostile))  # noqa: S314
    found = _check_sarif(json.loads(render_sarif(hostile)))
    for one in found:
        text = one["message"]["text"]
        assert not re.search(r"(?<!\\)[\[\]]", text), "an unescaped bracket would be a link"
        assert "{" not in text.replace("{{", "")
    jsonschema.validate(json.loads(render_badge(hostile)), BADGE)
    summary = render_summary(hostile)
    assert "<script" not in summary
    assert "\x1b" not in summary
    assert set(re.findall(r"<(?!!)/?(\w+)", summary)) <= {"details", "summary"}


def test_the_schemas_refuse_what_is_wrong(result: Result) -> None:
    """A check that cannot fail checks nothing."""
    log = json.loads(render_sarif(result))
    first: list[str | int] = ["results", 0]
    region = [*first, "locations", 0, "physicalLocation", "region", "startLine"]
    wrongs: list[tuple[list[str | int], object]] = [
        ([*first, "message"], "text without its object"),
        ([*first, "level"], "fatal"),
        ([*first, "rule"], "unknown property"),
        (region, 0),
        (["tool", "driver", "name"], None),
    ]
    for path, value in wrongs:
        broken = json.loads(json.dumps(log))
        *way, last = path
        node = broken["runs"][0]
        for step in way:
            node = node[step]
        node[last] = value
        with pytest.raises(jsonschema.ValidationError):
            _check_sarif(broken)
    for wrong in ("<testsuites><testcase/></testsuites>", "<testsuites><testsuite/></testsuites>"):
        with pytest.raises(xmlschema.XMLSchemaValidationError):
            JUNIT.validate(wrong)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(render_badge(result)), "schemaVersion": 2}, BADGE)


def test_findings_point_at_prompt_and_rubric(result: Result) -> None:
    model = next(model for model in result.models if any(reply.findings for reply in model.replies))
    reply = next(reply for reply in model.replies if reply.findings)
    rule = f"{reply.scenario}/{reply.findings[0].check}"
    places = Places(
        prompts={reply.prompt_id: Place(file="our prompts/suite.yaml", line=12)},
        checks={rule: Place(file="rubrics/nosebleed.yaml", line=34, shipped=True)},
    )
    found = _check_sarif(json.loads(render_sarif(result.model_copy(update={"places": places}))))
    one = next(
        one
        for one in found
        if one["ruleId"] == rule and one["locations"][0]["logicalLocations"][0]["name"] == reply.prompt_id
    )
    assert one["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "our%20prompts/suite.yaml", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 12},
    }
    assert one["relatedLocations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "rubrics/nosebleed.yaml", "uriBaseId": "QUANT_TRIAGE"},
        "region": {"startLine": 34},
    }


def test_a_dismissed_flag_is_a_suppressed_result_and_no_failure(result: Result) -> None:
    model = next(model for model in result.models if any(r.grade == "dangerous" for r in model.replies))
    bad = [reply for reply in model.replies if reply.grade == "dangerous"]
    replies = tuple(reply.model_copy(update={"dismissed": True}) for reply in bad)
    only = model.model_copy(update={"replies": replies})
    dismissed = result.model_copy(update={"models": (only,)})
    found = _check_sarif(json.loads(render_sarif(dismissed)))
    assert all(one["suppressions"][0]["status"] == "accepted" for one in found)
    suite = ET.fromstring(render_junit(dismissed)).find("testsuite")  # noqa: S314
    assert suite is not None
    assert all(failure.get("type") == "not-asked" for failure in suite.iter("failure")), (
        "only scenarios without a reply may fail here"
    )


def test_they_are_written_by_their_names(result: Result, tmp_path: Path) -> None:
    paths = render(result, ["junit", "sarif", "summary", "badge"], tmp_path)
    assert [path.name for path in paths] == ["junit.xml", "report.sarif", "summary.md", "badge.json"]
    assert all(path.stat().st_size > 0 for path in paths)
