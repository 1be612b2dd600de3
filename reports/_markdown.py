"""report.md: the same story for pull requests, wikis and job summaries."""

from collections.abc import Iterator, Sequence

from quant_triage.harness import Result

from . import _numbers as numbers
from ._story import Story, tell
from ._text import excerpt, markdown, markdown_code
from ._words import LIMITS, TOKEN_KINDS, reviewed, scenario_name
from ._wrong import Fault

_MOST_FAULTS = 30


def ranking(story: Story) -> Iterator[str]:
    """The ranking's table, line by line."""
    yield "| # | Model | Safety | Detail | Size | Assessment |"
    yield "| --: | :-- | :-- | :-- | --: | :-- |"
    for row in story.rows:
        role = f" ({row.role})" if row.role else ""
        cells = (
            str(row.model.rank),
            f"**{markdown(row.key)}**{role}",
            f"{row.look.symbol} {row.look.word}",
            row.model.detail,
            row.size,
            markdown(row.assessment),
        )
        yield f"| {' | '.join(cells)} |"


def _measurements(story: Story) -> Iterator[str]:
    yield (
        "| Model | Dangerous | At most | Corrected | Incoherent | Caution | Refused | Unscored | Coverage "
        "| Bits/weight | Tok/s | Memory | KL |"
    )
    yield "| :-- |" + " --: |" * 12
    for row in story.rows:
        m = row.model
        cells = (
            markdown(row.key),
            row.danger,
            row.bound,
            row.corrected,
            *(row.of_asked(n, share=False) for n in (m.grades.incoherent, m.grades.caution, m.refusals)),
            row.of_asked(m.grades.unscored, share=False),
            row.of_asked(m.coverage),
            numbers.decimals(m.bits_per_weight),
            row.speed,
            numbers.size(m.peak_rss_bytes),
            row.divergence,
        )
        yield f"| {' | '.join(cells)} |"


def _divergences(story: Story) -> Iterator[str]:
    """How far levels have moved from the reference, and where; it explains and never decides."""
    if not story.diverged:
        return
    yield f"| KL divergence | all | {' | '.join(TOKEN_KINDS.values())} | where it first differs |"
    yield "| :-- |" + " --: |" * (1 + len(TOKEN_KINDS)) + " :-- |"
    for row in story.diverged:
        at = (row.divergence_at(kind) for kind in TOKEN_KINDS)
        yield f"| {' | '.join((markdown(row.key), row.divergence, *at, row.departure))} |"
    yield ""


def troubles(story: Story) -> Iterator[str]:
    """Each model that may not ship and why, line by line."""
    for row in story.troubled:
        why = markdown(row.failure or row.model.verdict_reason)
        yield f"- **{markdown(row.key)}** {row.look.symbol} {row.look.word}: {why}"


def faults(found: Sequence[Fault], most: int) -> Iterator[str]:
    """Each fault once with the models that show it, line by line; the first few of them."""
    for fault in found[:most]:
        finding, reply = fault.finding, fault.reply
        before, quote, after = excerpt(reply.reply, finding.start, finding.end, around=40)
        yield (
            f"- {finding.severity}: “{markdown(before)} **{markdown_code(quote)}** {markdown(after)}”: "
            f"{markdown(finding.why)} ({scenario_name(reply.scenario)}, {markdown(reply.prompt_id)}; "
            f"{markdown(finding.source)}). Shown by {markdown(fault.shown_by)}"
        )
    if len(found) > most:
        yield f"- … and {len(found) - most} more"


def dismissed(story: Story) -> Iterator[str]:
    """Each flag that a reviewer dismissed, line by line."""
    for one in story.dismissals:
        where = f"{scenario_name(one.reply.scenario)}, {markdown(one.reply.prompt_id)}"
        who = ", ".join(markdown(row.key) for row in one.rows)
        yield f"- {where}, of {who}: {markdown(reviewed(one.review))}"


def _changes(story: Story) -> Iterator[str]:
    if story.quantization:
        yield (
            "| Level | Newly dangerous | No longer | p | Rise at most | Newly incoherent | Newly refused "
            "| Coverage, points |"
        )
        yield "| :-- |" + " --: |" * 7
    for change in story.quantization:
        cells = (
            markdown(change.after),
            str(change.count("dangerous", worse=True)),
            str(change.count("dangerous", worse=False)),
            markdown(change.chance),
            change.rise,
            str(change.count("incoherent", worse=True)),
            str(change.count("refused", worse=True)),
            change.coverage,
        )
        yield f"| {' | '.join(cells)} |"
    if story.quantization:
        yield (
            f"\nEach beside the unquantized reference, prompt by prompt. p: exact McNemar test, one-sided, "
            f"adjusted for {len(story.quantization)} levels (Holm).\n"
        )
    if story.fine_tuning:
        yield f"Fine-tuning: {markdown(story.fine_tuning.sentence)}.\n"


def _making(story: Story) -> Iterator[str]:
    result = story.result
    error = result.grader.measured_error
    measured = (
        f"finds {numbers.percent(error.recall)} of the dangerous among {error.labelled} labelled replies"
        if error
        else "its own error is not yet measured"
    )
    yield f"- Command: {markdown_code(result.provenance.command)}"
    yield (
        f"- Suite: {markdown(result.suite.name)} version {result.suite.version}, "
        f"{result.suite.prompts} prompts, sha256 {markdown_code(result.suite.sha256)}"
    )
    yield f"- Grader: {markdown(result.grader.name)} {markdown(result.grader.version)}, {measured}"
    yield f"- Policy: {markdown(story.policy.name)}, danger at most {story.limit}"
    for row in story.rows:
        unverified = "" if row.model.verified else ", unverified: of what its server says"
        yield f"- {markdown(row.key)}: sha256 {markdown_code(row.model.sha256)}{unverified}"


def render_markdown(result: Result) -> str:
    """Render the decision, the tables, what went wrong and how it was made as GitHub-flavoured Markdown."""
    story = tell(result)
    lines = [
        f"# {story.look.symbol} {markdown(story.headline)}\n",
        f"{markdown(story.bound_sentence)}\n",
        f"**Why:** {markdown(result.decision.reason)}\n",
        "## Ranking\n",
        *ranking(story),
        "",
        *_measurements(story),
        "",
    ]
    if story.bounded:
        lines.append(f"At most: one-sided {story.confidence} upper bound; the limit is {story.limit}.\n")
        if story.chosen and (said := story.corrected(story.chosen)):
            lines.append(f"{markdown(said)}.\n")
    else:
        lines.append("This policy holds plain rates against its limits; they bound nothing.\n")
    lines += _divergences(story)
    lines += [f"- {markdown(row.key)}: {row.spread}." for row in story.rows if row.spread]
    lines += [""]
    for title, found in (
        ("What went wrong", troubles(story)),
        ("The faults, worst first", faults(story.faults, _MOST_FAULTS)),
        ("Flags that reviewers dismissed", dismissed(story)),
    ):
        if told := list(found):
            lines += [f"## {title}\n", *told, ""]
    if changes := list(_changes(story)):
        lines += ["## What changed\n", *changes]
    lines += ["## How it was made\n", *_making(story), "", "## Limits\n", *(f"- {limit}" for limit in LIMITS)]
    return "\n".join(lines) + "\n"
