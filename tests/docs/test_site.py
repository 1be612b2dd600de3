"""The site is built as a reader gets it, warnings are errors; its drawing tells what the contracts hold."""

import itertools
import os
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))
from drawing import ARROWS, BOXES, svg  # noqa: E402

Pairs = set[tuple[str, str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


class _Links(HTMLParser):
    """Every address that a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "img", "iframe"}:
            self.fetched.append(values.get("src") or "")
        if tag == "link" and values.get("rel") in {"stylesheet", "icon"}:
            self.fetched.append(values.get("href") or "")


@pytest.mark.slow
def test_the_reference_is_complete(site: Path) -> None:
    """Verbs, fields and functions of today stand in the pages that a reader gets."""
    command_line = (site / "reference" / "command-line" / "index.html").read_text(encoding="utf-8")
    assert "quant-triage evaluate" in command_line
    assert "--ask-base" in command_line
    report = (site / "reference" / "report" / "index.html").read_text(encoding="utf-8")
    assert "peak_rss_bytes" in report
    statistics = (site / "reference" / "python" / "harness.statistics" / "index.html").read_text(
        encoding="utf-8"
    )
    assert "Exact one-sided upper bound on the true rate of events." in statistics
    assert 'id="quant_triage.harness.statistics.holm"' in statistics
    assert len(list((site / "reference" / "schemas").glob("*.schema.json"))) >= 8


@pytest.mark.slow
def test_no_page_names_a_folder_of_this_machine(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert str(ROOT) not in page.read_text(encoding="utf-8"), page


@pytest.mark.slow
def test_a_reader_is_told_to_no_other_host(site: Path) -> None:
    """No fonts, scripts or pictures from elsewhere: opening a page asks nobody but its own host."""
    for page in site.rglob("*.html"):
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        assert not [one for one in links.fetched if "//" in one], page


def _contracts() -> tuple[Pairs, Pairs]:
    """The pairs of boxes that the contracts judge: those allowed and those forbidden."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    forbidden: Pairs = set()
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "independence":
            forbidden |= set(itertools.permutations(map(_box, contract["modules"]), 2))
        else:
            sources, targets = contract["source_modules"], contract["forbidden_modules"]
            forbidden |= {(_box(one), _box(other)) for one in sources for other in targets}
    # A rule about a package holds for what lies in it, the command line aside: that may import all.
    forbidden = {(tail, head) for tail, head in forbidden if {tail, head} <= BOXES.keys()}
    forbidden |= {(tail, "harness.cli") for tail, head in forbidden if head == "harness"}
    forbidden |= {("harness", "harness.cli")}
    return set(itertools.permutations(BOXES, 2)) - forbidden, forbidden


def _box(module: str) -> str:
    """``quant_triage.harness.engines`` -> ``harness``: the box that a module lies in."""
    name = module.removeprefix("quant_triage.")
    return name if name in BOXES else name.partition(".")[0]


def _reachable() -> Pairs:
    pairs = set(ARROWS)
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


def test_the_drawing_tells_what_the_contracts_hold() -> None:
    allowed, forbidden = _contracts()
    assert not _reachable() & forbidden, "drawn, but a contract forbids it"
    assert _reachable() == allowed, "allowed by the contracts, but not to be seen in the drawing"


def test_every_package_has_its_box() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {_box(name) for name in settings["tool"]["setuptools"]["packages"]}
    assert packages - {"pytest_plugin"} == set(BOXES)


def test_the_committed_drawing_is_the_programs() -> None:
    assert (ROOT / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8") == svg()
