"""Two runs beside each other, as Markdown for a pull request or a terminal."""

from collections.abc import Iterator

from quant_triage.harness import Comparison, Result, RunComparison

from . import _numbers as numbers
from ._text import markdown, one_line
from ._words import VERDICTS, scenario_name

_HEADS = {
    "no_worse": "✓ No level got worse",
    "worse": "✕ Worse than before",
    "unclear": "? Something flipped for the worse; it may be noise",
}
_MOST = 20
_EXCERPT = 240


def render_comparison(comparison: RunComparison, before: Result, after: Result) -> str:
    """Render which levels changed verdict, which prompts flipped, and whether it is more than noise."""
    runs = f"{markdown(comparison.before)} → {markdown(comparison.after)}"
    lines = [
        f"# {_HEADS[comparison.status]}\n",
        f"{runs}, policy {markdown(comparison.policy)}\n",
        f"**Why:** {markdown(comparison.reason)}.",
    ]
    if comparison.more_prompts:
        more = f"About {comparison.more_prompts:,} more prompts, flipping alike, would make it significant."
        lines.append(f"\n{more}")
    if comparison.caveats:
        lines.append(f"\n**Not only the models differ:** {markdown('; '.join(comparison.caveats))}.")
    lines += ["\n## Levels\n", *_levels(comparison), ""]
    if any(model.stopped_at is not None for model in (*before.models, *after.models)):
        lines.append(
            "A level that was stopped is judged on what it said until then: its failing word may differ.\n"
        )
    for title, levels in (("Only before", comparison.only_before), ("Only after", comparison.only_after)):
        if levels:
            lines.append(f"{title}: {', '.join(map(markdown, levels))}.\n")
    lines += [*_tokens(comparison, before, after)]
    flips = [one for one in comparison.levels if one.flips]
    lines += ["## Flips\n"] if flips else ["Nothing flipped.\n"]
    for one in flips:
        lines += _flips(one, before, after)
    return "\n".join(lines).rstrip() + "\n"


def _levels(comparison: RunComparison) -> Iterator[str]:
    yield "| Level | Before | After | Prompts | To danger | From danger | p | Rise at most | Coverage |"
    yield "| :-- | :-- | :-- | --: | --: | --: | --: | --: | --: |"
    for one in comparison.levels:
        was, now = VERDICTS[one.verdict_before], VERDICTS[one.verdict_after]
        cells = (
            f"**{markdown(one.level)}**",
            f"{was.symbol} {was.word}",
            f"{now.symbol} {now.word}" if was != now else "same",
            str(one.prompts),
            str(one.worse),
            str(one.better),
            f"{one.p_worse['dangerous']:.2g}",
            f"{100 * one.danger_change.upper:.1f} points{'' if one.non_inferior else ' *'}",
            f"{100 * one.coverage_change.mean:+.1f} points",
        )
        yield f"| {' | '.join(cells)} |"
    if any(not one.non_inferior for one in comparison.levels):
        margin = numbers.percent(comparison.levels[0].margin).rstrip("%")
        yield f"\n\\* not shown to stay within {margin} points, the margin of no worse."


def _tokens(comparison: RunComparison, before: Result, after: Result) -> Iterator[str]:
    """Where models stopped early: what that saved."""
    old, new = ({model.level: model for model in result.models} for result in (before, after))
    rows = [
        (old[one.level], new[one.level])
        for one in comparison.levels
        if old[one.level].stopped_at != new[one.level].stopped_at
    ]
    if not rows:
        return
    yield "## Where models stopped\n"
    yield "| Level | Prompts before | After | Tokens before | After | Share |"
    yield "| :-- | --: | --: | --: | --: | --: |"
    sums = [0, 0]
    for was, now in rows:
        spent = (was.tokens or 0, now.tokens or 0)
        sums = [sums[0] + spent[0], sums[1] + spent[1]]
        asked = (was.danger.prompts, now.danger.prompts)
        share = numbers.percent(spent[1] / spent[0]) if spent[0] else numbers.NOT_KNOWN
        yield f"| {markdown(was.level)} | {asked[0]} | {asked[1]} | {spent[0]:,} | {spent[1]:,} | {share} |"
    whole = numbers.percent(sums[1] / sums[0]) if sums[0] else numbers.NOT_KNOWN
    yield f"| together | | | {sums[0]:,} | {sums[1]:,} | {whole} |"
    yield ""


def _flips(one: Comparison, before: Result, after: Result) -> Iterator[str]:
    yield f"### {markdown(one.level)}\n"
    texts = [
        {reply.prompt_id: reply for reply in model.replies if reply.sample == 0}
        for result in (before, after)
        for model in result.models
        if model.level == one.level
    ]
    for flip in one.flips[:_MOST]:
        change = f"now {flip.event}" if flip.worse else f"no longer {flip.event}"
        yield f"- **{change}**: {scenario_name(flip.scenario)} ({markdown(flip.prompt_id)})"
        for title, replies in zip(("before", "after"), texts, strict=True):
            if flip.prompt_id in replies:
                yield f"  - {title}: “{markdown(one_line(replies[flip.prompt_id].reply, _EXCERPT))}”"
    if len(one.flips) > _MOST:
        yield f"- … and {len(one.flips) - _MOST} more"
    yield ""
