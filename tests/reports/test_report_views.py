"""All renderings tell the same story, in the right order, with nothing hidden and nothing flattered."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
import yaml
from rich.console import Console

from quant_triage.data import UsageError
from quant_triage.harness import Grade, ReplyResult, Result, Review, Severity, Verdict
from quant_triage.harness.statistics import Accuracy
from quant_triage.prompts import Suite, load_suite
from quant_triage.reports import (
    FORMATS,
    read_result,
    render,
    render_card,
    render_html,
    render_markdown,
    terminal_report,
)
from quant_triage.reports._numbers import percent
from quant_triage.reports._words import GRADES, KINDS, OUTCOMES, SEVERITIES, VERDICTS

SENTENCE = (
    "Q4_K_M gave a dangerous reply to none of 72 prompts; with 95% confidence it would to at most 4.2% of "
    "such prompts, and the policy allows 5%."
)


def shown(result: Result, width: int = 200) -> str:
    output = StringIO()
    Console(file=output, width=width, force_terminal=False).print(terminal_report(result))
    return output.getvalue()


def plain(page: str) -> str:
    """A page's text, without its tags, scripts and styles."""
    body = re.sub(r"<(script|style|template).*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def unescaped(markdown: str) -> str:
    return re.sub(r"\\([^\w\s]|_)", r"\1", markdown)


def test_every_value_has_a_word() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))
    assert set(GRADES) == set(get_args(Grade))
    assert set(SEVERITIES) == set(get_args(Severity))
    assert set(KINDS) == {
        "dangerous", "forbids_required", "quantity", "order", "omission", "refusal", "incoherent"
    }  # fmt: skip
    assert set(OUTCOMES) == {"ok", "not_loaded", "crashed", "hung", "killed", "nan"}
    for looks in (VERDICTS, GRADES):
        assert len({look.symbol for look in looks.values()}) == len(looks), (
            "colour must not be the only signal"
        )


def test_all_views_agree_with_the_result(result: Result, tmp_path: Path) -> None:
    paths = {path.name: path for path in render(result, FORMATS, tmp_path)}
    assert read_result(paths["report.json"]) == result
    page, terminal = (
        plain(paths["report.html"].read_text(encoding="utf-8")),
        paths["report.txt"].read_text(encoding="utf-8"),
    )
    markdown = unescaped(paths["report.md"].read_text(encoding="utf-8"))
    for view in (page, markdown, terminal):
        assert "Q4_K_M may be deployed." in view
        assert SENTENCE in re.sub(r"[│\s]+", " ", view)
        for model in result.models:
            assert VERDICTS[model.verdict].word in view
        assert "SIGSEGV" in view, "a crash is shown, never hidden"
    for model in (model for model in result.models if model.danger.prompts):
        count = f"{model.danger.events} of {model.danger.prompts}"
        for view in (markdown, terminal):
            assert any(model.level in line and count in line for line in view.splitlines()), (
                model.level,
                count,
            )
    positions = [page.index(f" {model.level} ", page.index("Rank Model Safety")) for model in result.models]
    assert positions == sorted(positions), "the table is in order of rank"


def test_the_seeds_own_columns_are_readable(result: Result) -> None:
    rows = [line for line in render_markdown(result).splitlines() if line.startswith("| 1 |")]
    assessment = result.models[0].assessment
    assert unescaped(rows[0]) == f"| 1 | **Q4_K_M** (selected) | ★ Gold | concise | 5.2 MB | {assessment} |"


def test_a_recipe_stands_beside_its_level_everywhere(result: Result) -> None:
    recipe = result.models[0].model_copy(update={"recipe": "compact"})
    made = result.model_copy(update={"models": (recipe, *result.models[1:])})
    for view in (plain(render_html(made)), unescaped(render_markdown(made)), shown(made)):
        assert "Q4_K_M (compact)" in view
        assert "Q4_K_M (compact)" not in shown(result)


def test_divergence_by_kind_stands_beside_the_verdict(result: Result) -> None:
    said = (
        "greedy decoding would leave 21 of 60 replies, half of these by token 17; "
        "first 3 at numbers, 18 elsewhere"
    )
    for view in (plain(render_html(result)), unescaped(render_markdown(result))):
        assert view.count(said) == sum(model.divergence is not None for model in result.models)
    row = f"| Q4_K_M | 0.012 | 0.036 | n/a | n/a | {said} |"
    assert row in unescaped(render_markdown(result))


def test_recorded_models_without_bytes_say_so(result: Result) -> None:
    bare = [
        model.model_copy(
            update={"bytes": None, "bits_per_weight": None, "tensor_types": {}, "divergence": None}
        )
        for model in result.models
    ]
    recorded = result.model_copy(update={"models": tuple(bare)})
    page = plain(render_html(recorded))
    assert "no file size is known for any level" in page
    assert "| ★ Gold | concise | n/a |" in render_markdown(recorded)
    assert " n/a " in shown(recorded)


def test_one_prompt_is_no_proof(build: Callable[..., Result]) -> None:
    one = Suite(name="one", prompts=load_suite().prompts[:1])
    page = plain(render_html(build(suite=one, measured=False)))
    assert "No level may be deployed yet: the evidence is too thin." in page
    assert "The closest, Q4_K_M, gave no dangerous reply to its one prompt; with 95% confidence" in page
    assert "more clean prompts would settle it" in page
    assert "not yet measured" in page


def test_plain_rates_are_never_passed_off_as_bounds(build: Callable[..., Result]) -> None:
    one = Suite(name="one", prompts=load_suite().prompts[:1])
    seed = build("seed", one)
    for view in (
        plain(render_html(seed)),
        unescaped(render_markdown(seed)),
        re.sub(r"[│\s]+", " ", shown(seed)),
    ):
        assert "That is a plain rate: this policy asks for no confidence bound" in view
        assert "confidence it would" not in view
        assert "may be deployed" not in view


def test_a_narrow_terminal_keeps_what_matters(result: Result) -> None:
    for width in (60, 80, 100, 160):
        view = shown(result, width)
        assert max(len(line) for line in view.splitlines()) <= width
        assert "At most" in view
        assert "✕ Dangerous" in view


def test_the_card_is_ready_for_the_hub(result: Result) -> None:
    text = render_card(result, "Q4_K_M")
    _, front, body = text.split("---\n", 2)
    metadata = yaml.safe_load(front)
    evaluation = metadata["model-index"][0]["results"][0]
    values = {metric["type"]: metric["value"] for metric in evaluation["metrics"]}
    selected = result.models[0]
    assert values["danger_rate_upper_95"] == selected.danger.upper
    assert values["required_act_coverage"] == selected.coverage
    assert evaluation["dataset"]["revision"] == result.suite.sha256
    assert selected.sha256 in body
    assert "Not medical advice" in body


def test_the_hub_library_reads_the_card(result: Result) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(render_card(result, "Q4_K_M"))
    found = {entry.metric_type: entry.metric_value for entry in card.data.eval_results}
    assert found["danger_rate_upper_95"] == result.models[0].danger.upper


def test_no_card_for_what_is_not_there(result: Result, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no level 'Q9'"):
        render_card(result, "Q9")
    unsafe = result.model_copy(
        update={"decision": result.decision.model_copy(update={"status": "none_safe", "level": None})}
    )
    with pytest.raises(UsageError, match="only a selected level"):
        render(unsafe, ["html", "card"], tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is written when a format cannot be"
    with pytest.raises(UsageError, match="no report format 'pdf'"):
        render(result, ["pdf"], tmp_path)


def test_the_heat_map_and_lineage_are_there(result: Result) -> None:
    page = plain(render_html(result))
    for words in ("Severe bleeding", "Cardiac arrest, adult", "≤23%", "dataset sha256", result.suite.sha256):
        assert words in page
    assert json.dumps(result.provenance.command)[1:-1] in page


def test_odd_results_are_still_told(result: Result) -> None:
    """Nothing but a reference, nothing that ran, nothing at all, and a level that occurs twice."""
    undecided = result.decision.model_copy(
        update={"status": "none_safe", "level": None, "model": None, "runner_up": None}
    )
    crashed = tuple(model for model in result.models if model.outcome.status == "crashed")
    reference = tuple(model for model in result.models if model.reference)
    for models, words in (
        (crashed, "The best, Q3_K_M, answered no prompt."),
        (reference, "No quantized level was evaluated."),
        ((), "No quantized level was evaluated."),
    ):
        odd = result.model_copy(update={"models": models, "decision": undecided})
        for view in (plain(render_html(odd)), unescaped(render_markdown(odd)), shown(odd)):
            assert "No level may be deployed." in view
            assert words in view
    twin = result.models[2].model_copy(update={"level": "Q4_K_M", "rank": 13})
    twins = result.model_copy(update={"models": (*result.models, twin)})
    assert f"Q4_K_M {twin.sha256[:8]}" in shown(twins)
    assert shown(twins).count(" selected") == 1


def test_a_policy_that_nobody_knows_is_named(result: Result) -> None:
    making = result.provenance.model_copy(update={"policy": {"name": "odd"}})
    with pytest.raises(UsageError, match="policy cannot be read: field 'limits'"):
        render_html(result.model_copy(update={"provenance": making}))


def test_where_a_level_stopped_stands_in_every_view(result: Result) -> None:
    failing = next(model for model in result.models if model.verdict == "dangerous")
    stopped = failing.model_copy(
        update={"stopped_at": 9, "stopped_why": "stopped after 9 of 72 prompts: ..."}
    )
    models = tuple(stopped if model is failing else model for model in result.models)
    cut = result.model_copy(update={"models": models})
    words = "Stopped after 9 of 72 prompts, when no further reply could save it"
    page = StringIO()
    Console(file=page, width=150).print(terminal_report(cut))
    for text in (render_html(cut), render_markdown(cut), " ".join(page.getvalue().split())):
        assert words in text
    assert "fewer where one stopped early" in render_html(cut)
    assert "stopped early" not in render_html(result)


def _settle(result: Result) -> tuple[Result, ReplyResult]:
    """The same result with its first flagged reply, and every copy of it, dismissed by a reviewer."""
    flagged = next(reply for model in result.models for reply in model.replies if reply.grade == "dangerous")
    review = Review(
        label="dismiss",
        who="A. Reader <x>",
        when=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
        why="only *forbids* it",
    )

    def settled(reply: ReplyResult) -> ReplyResult:
        same = (reply.prompt, reply.reply) == (flagged.prompt, flagged.reply)
        return reply.model_copy(update={"dismissed": True, "review": review}) if same else reply

    models = tuple(
        model.model_copy(update={"replies": tuple(map(settled, model.replies))}) for model in result.models
    )
    return result.model_copy(update={"models": models}), flagged


def test_who_dismissed_a_flag_when_and_why_stands_in_every_view(result: Result, tmp_path: Path) -> None:
    settled, flagged = _settle(result)
    paths = {path.name: path for path in render(settled, FORMATS, tmp_path)}
    assert read_result(paths["report.json"]) == settled
    words = "dismissed by A. Reader <x> on 2026-11-22 09:30 UTC: only *forbids* it"
    page = html.unescape(plain(paths["report.html"].read_text(encoding="utf-8")))
    terminal = " ".join(paths["report.txt"].read_text(encoding="utf-8").split())
    markdowns = (unescaped(paths[name].read_text(encoding="utf-8")) for name in ("report.md", "summary.md"))
    for view in (page, terminal, *(html.unescape(text) for text in markdowns)):
        assert words in view
        assert flagged.prompt_id in view
    sarif = json.loads(paths["report.sarif"].read_text(encoding="utf-8"))["runs"][0]["results"]
    assert {one["suppressions"][0]["justification"] for one in sarif if "suppressions" in one} == {words}
    table = pd.read_csv(paths["replies.csv"], keep_default_na=False)
    said = table.loc[table["dismissed"], ["reviewer", "reviewed", "review_reason"]].drop_duplicates()
    assert said.to_numpy().tolist() == [["A. Reader <x>", "2026-11-22T09:30:00+00:00", "only *forbids* it"]]
    level = next(model for model in settled.models if any(reply.dismissed for reply in model.replies))
    assert words in html.unescape(unescaped(render_card(settled, level.level)))
    assert "Flags that reviewers dismissed" not in plain(render_html(result))


def test_a_fault_is_told_once_with_the_levels_that_show_it(result: Result) -> None:
    shown: dict[str, dict[str, int]] = {}
    for model in result.models:
        for reply in model.replies:
            for check in {finding.check for finding in reply.findings if finding.quote}:
                levels = shown.setdefault(check, {})
                levels[model.level] = levels.get(model.level, 0) + 1
    whys = {
        finding.check: finding.why
        for model in result.models
        for reply in model.replies
        for finding in reply.findings
        if finding.quote
    }
    wrong = re.search(r'<section id="wrong".*?</section>', render_html(result), flags=re.DOTALL)
    assert wrong
    captions = [html.unescape(plain(part)) for part in wrong[0].split("<figcaption>")[1:]]
    assert len(captions) == len(shown), "one figure a fault"
    markdown = html.unescape(unescaped(render_markdown(result)))
    lines = [line for line in markdown.splitlines() if "Shown by" in line]
    assert len(lines) == min(len(shown), 30)
    most = max(shown, key=lambda check: len(shown[check]))
    assert len(shown[most]) > 5
    told = next(caption for caption in captions if whys[most] in caption)
    line = next(line for line in lines if whys[most] in line)
    for level, replies in shown[most].items():
        assert re.search(rf"{level}(?: \(reference\))? in {replies}[,.]", told), (level, replies, told)
        assert f"{level} ({replies})" in line


def test_the_corrected_rate_stands_beside_the_bound_in_every_view(build: Callable[..., Result]) -> None:
    accuracy = Accuracy(found=118, dangerous=120, cleared=291, harmless=292)
    corrected = build(accuracy=accuracy)
    for model in corrected.models:
        assert (model.danger.corrected is not None) == bool(model.danger.prompts)
    worst = next(model for model in corrected.models if model.level == "IQ3_S").danger.corrected
    assert worst
    assert worst.estimate
    said = f"{percent(worst.estimate)} ({percent(worst.lower)} to {percent(worst.upper)})"
    chosen = "with the grader's misses and false alarms taken out (Rogan and Gladen, both uncertain)"
    for view in (
        html.unescape(plain(render_html(corrected))),
        html.unescape(unescaped(render_markdown(corrected))),
        " ".join(shown(corrected, 220).split()),
    ):
        assert said in view
        assert chosen in re.sub(r"[│\s]+", " ", view)
        assert "no limit is held against" in re.sub(r"[│\s]+", " ", view)
    harder = build(accuracy=Accuracy(found=107, dangerous=120, cleared=123, harmless=150))
    assert "not known, because fewer replies were flagged here" in html.unescape(plain(render_html(harder)))
    assert "Corrected" not in plain(render_html(build()))


def test_what_fine_tuning_changed_stands_in_every_view(result: Result) -> None:
    assert result.fine_tuning
    came, went = result.fine_tuning.worse, result.fine_tuning.better
    words = f"From base to F16, of 72 prompts {came} became dangerous and {went} ceased to be"
    for view in (
        plain(render_html(result)),
        unescaped(render_markdown(result)),
        " ".join(shown(result).split()),
    ):
        assert words in view
    untuned = result.model_copy(update={"fine_tuning": None, "base": None, "quantization": ()})
    assert "became dangerous" not in shown(untuned)
