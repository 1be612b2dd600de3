"""The Hugging Face model card of one level: metadata that the Hub reads, then what people should know."""

import re

import yaml

from quant_triage.data import UsageError
from quant_triage.harness import ModelResult, Result

from . import _numbers as numbers
from ._row import Row
from ._story import Story, tell
from ._text import markdown, markdown_code, one_line
from ._words import LIMITS, reviewed, scenario_name

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def _metrics(row: Row, story: Story) -> list[dict[str, object]]:
    """Measured figures only; a bound is named with its confidence."""
    model = row.model
    confidence = round(story.policy.confidence * 100)
    found: list[tuple[str, str, float | int | None]] = [
        ("dangerous_prompts", "Prompts with a dangerous reply", model.danger.events),
        ("danger_rate", "Share of prompts with a dangerous reply", model.danger.rate),
        ("required_act_coverage", "Mean share of required acts covered", model.coverage),
        ("refusals", "Prompts that were refused", model.refusals),
    ]
    if row.bounded:
        name = f"One-sided {confidence}% upper bound on the danger rate"
        found.insert(2, (f"danger_rate_upper_{confidence}", name, model.danger.upper))
    if model.danger.corrected:
        name = "Danger rate with the grader's error taken out (Rogan-Gladen)"
        found.append(("danger_rate_corrected", name, model.danger.corrected.estimate))
    if model.divergence:
        found.append(
            ("kl_divergence", "Mean KL divergence from the unquantized model, nats", model.divergence.kl_mean)
        )
    return [
        {"type": kind, "name": name, "value": value, "verified": False}
        for kind, name, value in found
        if value is not None
    ]


def _metadata(row: Row, story: Story) -> dict[str, object]:
    result = story.result
    base = result.provenance.lineage.get("base", "")
    suite = {
        "type": "quant-triage",
        "name": f"{one_line(result.suite.name)} version {result.suite.version}",
        "revision": result.suite.sha256,
        "args": {"prompts": result.suite.prompts, "samples": result.suite.samples},
    }
    evaluation = {
        "task": {"type": "text-generation", "name": "Emergency first-aid advice"},
        "dataset": suite,
        "metrics": _metrics(row, story),
    }
    return {
        "language": ["en"],
        "library_name": "gguf",
        "pipeline_tag": "text-generation",
        "tags": ["gguf", "llama.cpp", "quantized", "safety-evaluation", "first-aid"],
        **({"base_model": base, "base_model_relation": "quantized"} if _HUB_ID.fullmatch(base) else {}),
        "model-index": [{"name": one_line(row.model.name), "results": [evaluation]}],
    }


def _find(story: Story, level: str) -> Row:
    rows = [row for row in story.rows if level in {row.model.level, row.key}]
    selected = [row for row in rows if row.role == "selected"]
    if not rows:
        known = ", ".join(row.key for row in story.rows)
        raise UsageError(f"no level {level!r} in this report: choose from {known}")
    return (selected or rows)[0]


def _scenarios(model: ModelResult, bounded: bool) -> list[str]:
    head = "| Scenario | Dangerous | At most | Coverage |\n| :-- | --: | --: | --: |"
    return [
        head,
        *(
            f"| {scenario_name(c.scenario)} | {c.events} of {c.prompts} "
            f"| {numbers.bound(c.upper) if bounded else numbers.NOT_KNOWN} | {numbers.percent(c.coverage)} |"
            for c in model.scenarios
        ),
    ]


def _tensors(model: ModelResult) -> list[str]:
    counts = ", ".join(f"{count} of {markdown(kind)}" for kind, count in model.tensor_types.items())
    return [f"- Tensors: {counts}"] if counts else []


def _lineage(result: Result) -> list[str]:
    steps = [
        f"- {markdown(name)}: {markdown_code(value)}" for name, value in result.provenance.lineage.items()
    ]
    return ["## Lineage\n", *steps, ""] if steps else []


def _tested(result: Result) -> str:
    suite, grader = result.suite, result.grader
    error = grader.measured_error
    measured = (
        f"it finds {numbers.percent(error.recall)} of the dangerous among {error.labelled} labelled replies"
        if error
        else "its own error is not yet measured"
    )
    return (
        f"{suite.prompts} prompts over {len(suite.scenarios)} scenarios ({markdown(suite.name)} version "
        f"{suite.version}), graded by {markdown(grader.name)} {markdown(grader.version)}; {measured}.\n"
    )


def _dismissed(row: Row, story: Story) -> list[str]:
    """Flags on this level that count as harmless because a person said so."""
    own = [one for one in story.dismissals if row in one.rows]
    lines = [
        f"- {scenario_name(one.reply.scenario)}, {markdown(one.reply.prompt_id)}: "
        f"{markdown(reviewed(one.review))}"
        for one in own
    ]
    return ["Flags that reviewers dismissed:\n", *lines, ""] if lines else []


def render_card(result: Result, level: str) -> str:
    """Render the card of one level, ready to publish as a repository's ``README.md``.

    Args:
        result: What was found.
        level: A level of the report; where it occurs twice, the selected one, then the best.

    Raises:
        UsageError: The report has no such level.
    """
    story = tell(result)
    row = _find(story, level)
    model = row.model
    front = yaml.safe_dump(_metadata(row, story), sort_keys=False, allow_unicode=True, width=110)
    status = f"**{row.look.symbol} {row.look.word}** under the policy {markdown(story.policy.name)}"
    if row.role == "selected":
        status += ", and selected for deployment"
    lines = [
        f"---\n{front}---\n",
        f"# {markdown(model.name)} ({markdown(model.level)})\n",
        f"{status}. {markdown(story.danger(row))}.\n",
        f"{markdown(model.assessment)}\n",
        "**Not medical advice.** In an emergency call your local emergency number.\n",
        "## The file\n",
        f"- sha256: {markdown_code(model.sha256)}",
        f"- Size: {row.size}; {numbers.decimals(model.bits_per_weight)} bits per weight",
        *_tensors(model),
        "\n## How it was tested\n",
        _tested(result),
        *_dismissed(row, story),
        *_scenarios(model, row.bounded),
        f"\nRepeat it with {markdown_code(result.provenance.command)}.\n",
        *_lineage(result),
        "## Limits\n",
        *(f"- {limit}" for limit in LIMITS),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
