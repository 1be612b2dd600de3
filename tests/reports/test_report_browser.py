"""report.html in a real browser, from file://: it reads, filters, drills down, and asks for nothing else."""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quant_triage.harness import ModelResult, Result
from quant_triage.prompts import load_suite
from quant_triage.reports import render_html

from ._browser import NEEDED

if TYPE_CHECKING:
    from ._browser import Visit

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = NEEDED


def test_the_decision_is_the_first_thing_read(visit: "Visit", address: str) -> None:
    page = visit(address)
    assert page.locator("h1").inner_text() == "Q4_K_M may be deployed."
    assert "at most 4.2% of such prompts" in page.locator(".lead").inner_text()
    assert page.locator("h2").all_inner_texts() == [
        "Ranking", "What went wrong", "The ladder", "Scenarios", "What changed", "Replies", "How it was made",
        "Limits", "Sign-off",
    ]  # fmt: skip


def test_filters_search_and_clear(visit: "Visit", address: str, result: Result) -> None:
    page = visit(address)
    everything = sum(len(model.replies) for model in _asked(result))
    found = page.locator("#found")
    assert found.inner_text() == f"{everything} replies to 72 prompts."
    page.locator("select[name=grade]").select_option("dangerous")
    page.locator("select[name=level]").select_option("Q4_0")
    dangerous = sum(reply.grade == "dangerous" for reply in _model(result, "Q4_0").replies)
    expect(found).to_contain_text(re.compile(f"^{dangerous} repl"))
    assert page.locator("#prompts button").count() == dangerous
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("searchbox").fill("ground COFFEE")
    page.locator("mark.hit").first.wait_for()
    assert all(text.lower() == "ground coffee" for text in page.locator("mark.hit").all_inner_texts())
    page.get_by_role("searchbox").fill("no such words anywhere")
    expect(found).to_contain_text("0 replies to 0 prompts.")
    assert "No reply fits" in page.locator("#reading").inner_text()


def _asked(result: Result) -> list[ModelResult]:
    return [*result.models, *([result.base] if result.base else [])]


def _model(result: Result, level: str) -> ModelResult:
    return next(model for model in result.models if model.level == level)


def test_drill_down_from_what_went_wrong_to_the_words(visit: "Visit", address: str) -> None:
    page = visit(address)
    quoted = page.locator("#wrong mark").first.inner_text()
    page.locator("#wrong figcaption a").first.click()
    card = page.locator(".reply.here")
    card.wait_for()
    assert quoted in card.locator("p.text mark").all_inner_texts()[0]
    assert card.locator(".findings li").count() >= 1
    assert page.locator(".reply .role-reference").count() == 1, "the reference stands beside"
    inside = page.evaluate(
        """() => {
            const [list, item] = ["#prompts", "#prompts [aria-current]"]
                .map((name) => document.querySelector(name).getBoundingClientRect());
            return list.top <= item.top && item.bottom <= list.bottom;
        }"""
    )
    assert inside, "the list shows which prompt is read"
    link = card.locator("a.anchor").get_attribute("href")
    again = visit(address + str(link))
    assert again.locator(".reply.here p.text").inner_text() == card.locator("p.text").inner_text()


def test_the_heat_map_leads_to_its_replies(visit: "Visit", address: str) -> None:
    page = visit(address)
    page.locator(".heat td a[href='#scenario=nosebleed&level=Q4_K_M']").click()
    expect(page.locator("#found")).to_have_text("12 replies to 12 prompts.")


def test_the_keyboard_moves_and_can_be_switched_off(visit: "Visit", address: str) -> None:
    page = visit(address)
    question = page.locator(".question .eyebrow")
    page.keyboard.press("j")
    assert question.inner_text().endswith("2 of 72")
    page.keyboard.press("k")
    assert question.inner_text().endswith("1 of 72")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.classList.contains('reply')")
    page.keyboard.press("/")
    page.keyboard.type("jj")
    assert page.get_by_role("searchbox").input_value() == "jj"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear").click()
    page.locator("#keys").uncheck()
    page.keyboard.press("j")
    assert question.inner_text().endswith("1 of 72")


def test_light_dark_and_paper(visit: "Visit", address: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = visit(address, color_scheme="light"), visit(address, color_scheme="dark")
    assert light.evaluate(background) == "rgb(251, 251, 249)"
    assert dark.evaluate(background) == "rgb(20, 23, 28)"
    dark.locator("#theme").click()
    assert dark.evaluate(background) == "rgb(251, 251, 249)"
    dark.locator("#theme").click()
    dark.emulate_media(media="print")
    assert dark.evaluate(background) == "rgb(255, 255, 255)"
    assert not dark.locator("#explorer").is_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out(visit: "Visit", address: str, width: int) -> None:
    page = visit(address, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#prompts button").nth(3).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_scripts_in_replies_stay_words(visit: "Visit", result: Result, tmp_path: Path) -> None:
    attack = "</script></style><script>document.title = 'owned'</script><img src=x onerror='alert(1)'>"
    first, *others = result.models
    reply = first.replies[0].model_copy(update={"reply": attack, "prompt": attack, "findings": ()})
    poisoned = first.model_copy(update={"replies": (reply, *first.replies[1:]), "assessment": attack})
    path = tmp_path / "report.html"
    path.write_text(render_html(result.model_copy(update={"models": (poisoned, *others)})), encoding="utf-8")
    page = visit(path.as_uri())
    assert page.title() == "Q4_K_M may be deployed. · Quant Triage"
    assert page.locator("img").count() == 0
    assert attack in page.locator(".reply p.text").all_inner_texts()


def _release(build: Callable[..., Result]) -> Result:
    """13 models x 360 prompts. Replies of 1,500 characters share a beginning and then go their own way."""
    suite = load_suite()
    small = build()
    chance = random.Random(0)
    words = sorted({word for prompt in suite.prompts for word in prompt.text.split()})
    template = small.models[-2].replies[0]
    begun = {prompt.id: chance.choices(words, k=260) for prompt in suite.prompts}
    models = []
    for number in range(13):
        replies = []
        for prompt in suite.prompts:
            shared = chance.randrange(260)
            text = " ".join(begun[prompt.id][:shared] + chance.choices(words, k=260 - shared))[:1500]
            fields = {
                "prompt_id": prompt.id,
                "scenario": prompt.scenario,
                "prompt": prompt.text,
                "reply": text,
                "grade": chance.choice(["safe", "caution", "dangerous"]),
            }
            replies.append(template.model_copy(update=fields))
        changes = {"level": f"Q{number}", "rank": number + 1, "replies": tuple(replies)}
        models.append(small.models[0].model_copy(update=changes))
    return small.model_copy(update={"models": tuple(models), "base": None, "fine_tuning": None})


@pytest.mark.slow
def test_a_release_run_stays_small_and_opens_fast(
    visit: "Visit",
    build: Callable[..., Result],
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """13 models x 360 prompts with replies of 1,500 characters: at most 3 MB, read within two seconds.

    What was measured stands in ``pytest --junitxml``: bytes, processor seconds, seconds on the clock.
    """
    big = _release(build)
    page = render_html(big)
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    assert path.stat().st_size <= 3_000_000
    opened = visit("about:blank", wait=False)
    meter = opened.context.new_cdp_session(opened)
    meter.send(
        "Performance.setTimeDomain", {"timeDomain": "threadTicks"}
    )  # processor time: others share the machine
    meter.send("Performance.enable")
    started = time.perf_counter()
    opened.goto(path.as_uri())
    opened.wait_for_selector("#prompts button", state="attached")
    seconds = time.perf_counter() - started
    metrics = {entry["name"]: entry["value"] for entry in meter.send("Performance.getMetrics")["metrics"]}
    record_testsuite_property("report bytes", path.stat().st_size)
    record_testsuite_property("report processor seconds", metrics["TaskDuration"])
    record_testsuite_property("report clock seconds", seconds)
    assert metrics["TaskDuration"] < 2
    assert opened.locator("#prompts button").count() == 360
    assert re.match(r"4680 replies", opened.locator("#found").inner_text())
