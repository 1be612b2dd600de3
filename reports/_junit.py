"""junit.xml: one suite a model with a case a scenario, and one case for the decision."""

import re
from xml.etree import ElementTree as ET

from quant_triage.harness import ModelResult, Result

from ._faults import counts_against, replies_text
from ._story import Story, tell
from ._text import one_line, visible

# What XML cannot hold, beyond the control characters that ``visible`` replaces.
_NEVER = re.compile("[\\ufffe\\uffff]")
_LONGEST_MESSAGE = 200


def _text(value: str) -> str:
    return _NEVER.sub("\ufffd", visible(value))


def _fail(case: ET.Element, kind: str, message: str, body: str) -> None:
    failure = ET.SubElement(case, "failure", type=kind, message=_text(one_line(message, _LONGEST_MESSAGE)))
    failure.text = _text(body)


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_text(one_line(classname)), name=_text(one_line(name)))


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    failed = sum(case.find("failure") is not None for case in cases)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(failed))
    suite.set("errors", "0")
    suite.set("skipped", "0")


def _model(root: ET.Element, key: str, model: ModelResult, story: Story) -> None:
    suite = ET.SubElement(root, "testsuite", name=_text(one_line(key)))
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("sha256", model.sha256),
        ("verdict", model.verdict),
        ("dangerous", f"{model.danger.events} of {model.danger.prompts}"),
        ("coverage", f"{model.coverage:.3f}"),
    ):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    for scenario in story.result.suite.scenarios:
        case = _case(suite, key, scenario)
        replies = [reply for reply in model.replies if reply.scenario == scenario]
        bad = [reply for reply in replies if counts_against(reply)]
        if bad:
            _fail(case, bad[0].grade, f"{len(bad)} of {len(replies)} replies fail", replies_text(bad))
        elif not replies:
            why = model.outcome.cause or model.stopped_why or model.outcome.status
            _fail(case, "not-asked", "no prompt of this scenario was answered", why)
    _count(suite)


def render_junit(result: Result) -> str:
    """Render a result as JUnit XML, as CI servers read it (Jenkins' junit-10 schema)."""
    story = tell(result)
    root = ET.Element("testsuites", name="quant-triage")
    for row in story.rows:
        _model(root, row.key, row.model, story)
    suite = ET.SubElement(root, "testsuite", name="decision")
    case = _case(suite, "decision", f"policy {result.decision.policy}")
    if result.decision.status != "selected":
        _fail(
            case, result.decision.status, story.headline, f"{story.bound_sentence}\n{result.decision.reason}"
        )
    _count(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
