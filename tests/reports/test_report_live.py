"""``report DIR --serve``: a run in progress seen in a browser, from its first replies to its decision."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quant_triage.data import UsageError, sha256_text
from quant_triage.harness import (
    GraderInfo,
    Limits,
    ModelCard,
    Outcome,
    Policy,
    Reply,
    Request,
    Sampling,
    Speed,
    evaluate,
)
from quant_triage.harness.cli._serve import HOST, open_server
from quant_triage.harness.engines import Asked, Progress
from quant_triage.harness.grading import RuleGrader
from quant_triage.prompts import Suite, load_suite
from quant_triage.reports import write_result
from quant_triage.rubrics import load_rubrics

from ._browser import NEEDED

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Waiting:
    """A model that gives its last replies only when it is let go."""

    build = "test"
    memory = 0

    def __init__(self, level: str, hold: int, gate: threading.Event):
        self.card = ModelCard(name=f"slow-{level}", level=level, sha256=sha256_text(level), bytes=1000)
        self._hold, self._gate = hold, gate

    def key(self, prompt: str, sample: int) -> str:
        return sha256_text(self.card.sha256, prompt, str(sample))

    def asked(self) -> Iterator[Asked] | None:
        return None

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        for number, request in enumerate(requests):
            if number == self._hold:
                assert self._gate.wait(60)
            on_reply(
                Reply(
                    **request.model_dump(), model=self.card.sha256, reply="Call an ambulance now.",
                    finish_reason="stop", tokens=5, seconds=0.1,
                )
            )  # fmt: skip
            on_progress(Progress())
        return Outcome(status="ok"), Speed(tokens=5, seconds=1.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, threading.Event, threading.Thread]]:
    """A run of one model and eight prompts that has stopped after three replies, until it is let go."""
    suite = Suite(name="eight", prompts=load_suite().prompts[:8])
    limits = Limits(danger=0.5, incoherent=0.5, refusal=1.0, coverage=0.0)
    policy = Policy(name="lenient", limits=limits)
    rubrics = load_rubrics(None)
    grader = RuleGrader(rubrics)
    gate = threading.Event()
    model = Waiting("Q4_K_M", 3, gate)

    def run() -> None:
        result = evaluate(
            [model], suite, tmp_path, policy=policy, grader=grader,
            grader_info=GraderInfo(name="rules", version=grader.version, rubrics_sha256=rubrics.sha256),
            sampling=Sampling(), labels={},
            watch=lambda *_: None,
        )  # fmt: skip
        write_result(tmp_path / "report.json", result)

    thread = threading.Thread(target=run)
    thread.start()
    journal = tmp_path / "journal.jsonl"
    limit = time.monotonic() + 60
    while not journal.exists() or journal.read_text().count('"type":"reply"') < 3:
        assert time.monotonic() < limit
        time.sleep(0.05)
    yield tmp_path, gate, thread
    gate.set()
    thread.join(60)


@pytest.fixture
def address(running: tuple[Path, threading.Event, threading.Thread]) -> Iterator[str]:
    server = open_server(running[0], rubrics=None, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_port}/"
    server.shutdown()
    server.server_close()


@NEEDED[0]
@NEEDED[1]
def test_the_page_grows_until_the_decision(
    browser: "Browser", running: tuple[Path, threading.Event, threading.Thread], address: str
) -> None:
    folder, gate, thread = running
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url) if HOST not in request.url else None)
    page.goto(address)
    expect(page.locator("h1")).to_have_text("3 of 8 replies are in.")
    page.wait_for_selector("#prompts button", state="attached")
    assert page.locator("#found").inner_text() == "3 replies to 3 prompts."
    assert page.locator("#signoff").count() == 0, "nothing can be signed yet"
    assert "Inconclusive" in page.locator(".ranking").inner_text()
    gate.set()
    thread.join(60)
    assert not (folder / "underway.json").exists()
    expect(page.locator("h1")).to_contain_text("deployed", timeout=20_000)
    expect(page.locator("#found")).to_have_text("8 replies to 8 prompts.")
    assert complaints == []
    page.close()


def test_only_loopback_under_its_own_name_is_answered(address: str) -> None:
    assert b"3 of 8 replies" in urllib.request.urlopen(address, timeout=10).read()  # noqa: S310
    for path, host, status in (("", "evil.example", 403), ("report.json", None, 404)):
        request = urllib.request.Request(address + path, headers={"Host": host} if host else {})  # noqa: S310
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)  # noqa: S310
        assert caught.value.code == status
        caught.value.close()


def test_an_empty_folder_and_a_taken_port_are_refused(tmp_path: Path, address: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="no run in progress"):
        open_server(empty, rubrics=None, port=0)
    with pytest.raises(UsageError, match="choose another --port"):
        open_server(tmp_path, rubrics=None, port=int(address.rsplit(":", 1)[1].strip("/")))
