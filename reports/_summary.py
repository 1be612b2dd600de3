"""summary.md for a CI job's page, and badge.json for a README: the decision at a glance."""

import json

from quant_triage.harness import Result

from ._markdown import dismissed, faults, ranking, troubles
from ._story import tell
from ._text import markdown

_MOST_FAULTS = 5
_COLOURS = {"selected": "brightgreen", "none_safe": "red", "not_enough_evidence": "lightgrey"}


def render_summary(result: Result) -> str:
    """Render the decision, the ranking and the worst faults, well below a megabyte."""
    story = tell(result)
    lines = [
        f"## {story.look.symbol} {markdown(story.headline)}\n",
        f"{markdown(story.bound_sentence)}\n",
        f"**Why:** {markdown(result.decision.reason)}\n",
        *ranking(story),
        "",
    ]
    for title, found in (
        ("Why each may not ship", list(troubles(story))),
        (f"The worst of {len(story.faults)} faults", list(faults(story.faults, _MOST_FAULTS))),
        ("Flags that reviewers dismissed", list(dismissed(story))),
    ):
        if found:
            lines += ["<details>", f"<summary>{title}</summary>\n", *found, "\n</details>\n"]
    return "\n".join(lines)


def render_badge(result: Result) -> str:
    """Render a badge as shields.io's endpoint reads it."""
    story = tell(result)
    decision = result.decision
    message = {"none_safe": "none safe", "not_enough_evidence": "not enough evidence"}.get(decision.status)
    if message is None:
        row = story.chosen
        bound = f", at most {row.bound} dangerous" if row and row.bounded else ""
        message = f"{row.key if row else decision.level}{bound}"
    badge = {
        "schemaVersion": 1,
        "label": "emergency safety",
        "message": message,
        "color": _COLOURS[decision.status],
        "isError": decision.status == "none_safe",
    }
    return json.dumps(badge, ensure_ascii=False) + "\n"
