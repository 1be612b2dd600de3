"""Take the README's pictures of a report.

    make pictures OUT=runs/demo

Needs Debian's ``chromium`` and the ``dev`` extra. Writes ``report-decision.png`` and ``report-replies.png``
beside this file; look at them before committing.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def take(report: Path) -> None:
    """Photograph the decision with the ranking, and the worst reply beside the reference."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 1080}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("#prompts button", state="attached")
        page.screenshot(path=HERE / "report-decision.png")
        critical = page.locator("#wrong figure:has(mark.s-critical) a")
        quoted = critical if critical.count() else page.locator("#wrong figcaption a")
        if quoted.count():  # where nothing went wrong the first prompt is shown
            quoted.first.click()
            page.locator(".reply.here").wait_for()
        page.locator("#replies-title").evaluate("title => title.scrollIntoView()")
        page.screenshot(path=HERE / "report-replies.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
