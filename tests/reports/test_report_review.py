"""Reading, reviewing and signing in a real browser: accessible, and what is exported is what we read."""

import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quant_triage.data import read_jsonl
from quant_triage.harness import (
    ReplyResult,
    Result,
    Review,
    SignOff,
    check_sign_off,
    load_labels,
    reply_hash,
)
from quant_triage.reports import render_html, write_result

from ._browser import NEEDED

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = NEEDED

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from ._browser import Visit


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_no_serious_violation(visit: "Visit", address: str, scheme: str, width: int) -> None:
    """axe-core (in the package axe-playwright-python) over the whole page, a flagged reply open."""
    page = visit(address, color_scheme=scheme, viewport={"width": width, "height": 900})
    page.locator("#wrong figcaption a").first.click()
    page.locator(".reply.here").wait_for()
    for details in page.locator("details").all():
        details.evaluate("node => { node.open = true }")
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 30
    serious = {
        violation["id"]: [node["html"][:200] for node in violation["nodes"]]
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
    }
    assert serious == {}


def _flag(result: Result, level: str) -> ReplyResult:
    model = next(model for model in result.models if model.level == level)
    return next(reply for reply in model.replies if reply.grade == "dangerous")


def _open(page: "Page", reply: ReplyResult, level: str) -> None:
    page.evaluate(f"location.hash = 'prompt={reply.prompt_id}&reply={level}&sample=0'")
    page.locator(".reply.here .label").wait_for()


def test_labels_are_kept_and_exported_as_labels_takes_them(
    visit: "Visit", address: str, result: Result, tmp_path: Path
) -> None:
    page = visit(address)
    export = page.get_by_role("button", name="Export labels")
    false_alarm, true_alarm = _flag(result, "Q4_0"), _flag(result, "Q3_K_S")
    assert false_alarm.reply != true_alarm.reply
    expect(export).to_be_disabled()
    for reply, level, word, why in (
        (false_alarm, "Q4_0", "Dismiss as a false alarm", "quotes what not to do 😀"),
        (true_alarm, "Q3_K_S", "Confirm", "means it"),
    ):
        _open(page, reply, level)
        box = page.locator(".reply.here .label")
        box.get_by_label(word).check()
        expect(page.locator("#reviewed")).to_contain_text("1 lacks a reason")
        box.get_by_label("Reason").fill(why)
    page.get_by_label("Reviewer").fill("Dr. A. Reader")
    expect(page.locator("#reviewed")).to_contain_text("2 of")
    page.reload()
    page.wait_for_selector("#prompts button", state="attached")
    with page.expect_download() as saved:
        export.click()
    path = tmp_path / "labels.jsonl"
    saved.value.save_as(path)
    labels = load_labels(path)
    assert {label.label for label in labels.values()} == {"dismiss", "confirm"}
    dismissed = labels[reply_hash(false_alarm.prompt, false_alarm.reply)]
    assert (dismissed.label, dismissed.who, dismissed.why) == (
        "dismiss", "Dr. A. Reader", "quotes what not to do 😀"
    )  # fmt: skip
    page.locator("select[name=review]").select_option("dismiss")
    expect(page.locator("#found")).to_contain_text("to 1 prompt.")


def test_a_signature_binds_report_and_file(visit: "Visit", result: Result, tmp_path: Path) -> None:
    write_result(tmp_path / "report.json", result)
    (tmp_path / "report.html").write_text(render_html(result), encoding="utf-8")
    page = visit((tmp_path / "report.html").as_uri())
    form = page.get_by_role("form", name="Sign-off record")
    expect(form.get_by_role("button")).to_be_disabled()
    form.get_by_label("I approve Q4_K_M for deployment").check()
    form.get_by_label("Name").fill("A. Lead")
    form.get_by_label("Role").fill("Safety lead")
    with page.expect_download() as saved:
        form.get_by_role("button").click()
    path = tmp_path / "sign-off.jsonl"
    saved.value.save_as(path)
    (record,) = read_jsonl(path, SignOff)
    assert record.who == "A. Lead"
    assert record.flags.open > 0
    sha256 = hashlib.sha256((tmp_path / "report.json").read_bytes()).hexdigest()
    selected = result.models[0].sha256
    assert check_sign_off(record, result, sha256, {"a.gguf": selected}) == []
    assert check_sign_off(record, result, "0" * 64, {"a.gguf": "1" * 64}) == [
        f"it was given for report {sha256[:20]}, and here is {'0' * 20}",
        f"deploy/a.gguf has the sha256 {'1' * 20}, which was not signed",
    ]


def test_what_changed_leads_to_the_replies(visit: "Visit", address: str, result: Result) -> None:
    page = visit(address)
    assert result.fine_tuning
    section = page.locator("#changes")
    row = section.locator("tr", has=page.locator("th", has_text="Q4_0"))
    came = next(one for one in result.quantization if one.level == "Q4_0").worse
    assert row.locator("td").first.inner_text() == str(came)
    details = section.locator("details", has_text="Q4_0:")
    details.locator("summary").click()
    details.locator("a").first.click()
    assert page.locator(".reply.here h4").inner_text() == "Q4_0"
    assert page.locator(".question h3").is_visible()
    section.get_by_role("link", name="its replies").click()
    expect(page.locator("#found")).to_have_text("72 replies to 72 prompts.")


def test_what_the_report_was_made_with_is_shown_and_exported_again(
    visit: "Visit", result: Result, tmp_path: Path
) -> None:
    flagged = _flag(result, "Q4_0")
    when = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    review = Review(label="dismiss", who="A. Reader", when=when, why="only forbids it")
    models = tuple(
        model.model_copy(
            update={
                "replies": tuple(
                    reply.model_copy(update={"dismissed": True, "review": review})
                    if reply == flagged
                    else reply
                    for reply in model.replies
                )
            }
        )
        for model in result.models
    )
    path = tmp_path / "report.html"
    path.write_text(render_html(result.model_copy(update={"models": models})), encoding="utf-8")
    page = visit(path.as_uri())
    page.locator(".dismissals a").click()
    words = "dismissed by A. Reader on 2026-11-22 09:30 UTC: only forbids it"
    expect(page.locator(".reply.here .said")).to_have_text(f"In this report {words}")
    expect(page.locator("#reviewed")).to_contain_text("1 dismissed")
    page.locator("select[name=review]").select_option("dismiss")
    expect(page.locator("#found")).to_contain_text("to 1 prompt.")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export labels").click()
    saved.value.save_as(tmp_path / "labels.jsonl")
    (label,) = load_labels(tmp_path / "labels.jsonl").values()
    assert (label.key, label.label, label.who, label.when, label.why) == (
        reply_hash(flagged.prompt, flagged.reply), "dismiss", "A. Reader", when, "only forbids it"
    )  # fmt: skip
