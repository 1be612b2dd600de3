"""Debian's Chromium, and a page that may neither complain nor reach out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quant_triage.harness import Result
from quant_triage.reports import render_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    Visit = Callable[..., Page]

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

NEEDED = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: apt-get install chromium"),
]


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def address(result: Result, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The realistic result's page, as a file."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_html(result), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser: "Browser") -> "Iterator[Visit]":
    """Open a page that may neither complain nor reach out; both are checked when the test is over."""
    complaints: list[str] = []
    requests: list[str] = []
    opened = []

    def go(address: str, *, wait: bool = True, **options: object) -> "Page":
        context = browser.new_context(**options)  # type: ignore[arg-type]
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        if wait:
            page.wait_for_selector("#prompts button", state="attached")
        return page

    yield go
    for context in opened:
        context.close()
    assert complaints == []
    assert all(url.startswith(("file://", "about:", "blob:")) for url in requests), requests
