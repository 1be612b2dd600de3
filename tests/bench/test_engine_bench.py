"""Benchmarks: contestants in turn, ratios of medians, a skip that is no pass, a page written by section."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_triage.data import UsageError
from quant_triage.harness.bench import (
    EngineBench,
    Row,
    Shape,
    Timing,
    Work,
    bench_engine,
    build_peers,
    engine_section,
    write_model,
    write_section,
)
from quant_triage.harness.bench._contest import Contestant, best_of, hold
from quant_triage.harness.bench._work import MeasureError
from quant_triage.harness.cli import main

TINY = Shape(width=256, layers=2, feed=256, heads=2, head=128, vocabulary=1024)
WORDS = ["what", "should", "I", "do", "my", "friend", "is", "bleeding"]
MACHINE = {"processor": "a processor", "memory": "8 GiB", "system": "Linux 6"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "tiny-F16.gguf"
    write_model(path, TINY, WORDS)
    return path


def work(model: Path = Path("m.gguf"), prompts: int = 4, tokens: int = 8) -> Work:
    return Work(
        model=model, prompts=tuple(f"what should I do {n}" for n in range(prompts)), tokens=tokens, threads=1
    )


def scripted(rates: list[float], order: list[str], name: str) -> Callable[[Work], Timing]:
    left = iter(rates)

    def measure(asked: Work) -> Timing:
        order.append(name)
        return Timing(tokens=asked.total, seconds=asked.total / next(left))

    return measure


def quiet(_text: str) -> None:
    pass


def test_contestants_take_turns_and_the_ratio_is_that_of_medians() -> None:
    order: list[str] = []
    ours = Contestant("ours", scripted([100, 900, 120], order, "ours"))
    peer = Contestant("peer", scripted([50, 40, 1], order, "peer"), 3.5)
    rows = hold(ours, [peer], work(), 3, quiet)
    assert order == ["peer", "ours"] * 3
    assert [row.name for row in rows] == ["ours", "peer"]
    assert rows[1].ratio == pytest.approx(120 / 40)
    assert not rows[1].reached
    assert rows[0].rate == pytest.approx(120)


def test_a_peer_that_did_less_is_left_out_and_that_is_no_pass() -> None:
    lazy = Contestant("lazy", lambda asked: Timing(tokens=asked.total - 1, seconds=0.1), 1.0)
    rows = hold(Contestant("ours", scripted([1, 1], [], "ours")), [lazy], work(), 2, quiet)
    assert rows[1].skipped == "lazy made 31 tokens, not 32: nothing to compare"
    assert not rows[1].reached


def test_the_best_candidate_is_the_fastest_that_works() -> None:
    def broken(_work: Work) -> Timing:
        raise MeasureError("no")

    candidates = {name: scripted([rate], [], name) for name, rate in (("a", 5.0), ("b", 9.0))}
    assert best_of({**candidates, "c": broken}, work(), quiet) == "b"
    with pytest.raises(MeasureError, match="no"):
        best_of({"c": broken}, work(), quiet)


def test_without_a_compiler_the_peers_are_skipped_with_the_reason(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    def unpack(_target: Path) -> Path:
        raise AssertionError("nothing to unpack for")

    def build() -> None:
        build_peers(tmp_path / "cache", unpack)

    with pytest.raises(UsageError, match="apt install cmake"):
        build()
    bench = bench_engine(
        work(model), lambda: build_peers(tmp_path / "cache", unpack), slots=4, rounds=1, told=quiet
    )
    ours, naive, *compiled = bench.rows
    assert ours.timings[0].tokens == naive.timings[0].tokens == 32
    assert ours.timings[0].prompt_tokens < naive.timings[0].prompt_tokens  # what prompts share counts once
    assert len(compiled) == 3
    assert all("cmake" in str(row.skipped) for row in compiled)
    assert not bench.complete
    assert not bench.reached
    page = engine_section(bench, command="c", when="today", machine=MACHINE)
    assert page.count("not measured: the peers are compiled with CMake") == 3


def test_a_failed_build_says_why(tmp_path: Path) -> None:
    def unpack(target: Path) -> Path:
        (target / "CMakeLists.txt").write_text('message(FATAL_ERROR "planted fault")')
        return target

    with pytest.raises(UsageError, match="failed, it says: "):
        build_peers(tmp_path / "cache", unpack)
    assert not list(tmp_path.rglob("llama-server"))


def test_the_command_measures_for_real_and_tells_by_its_exit_code(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))  # no CMake
    monkeypatch.setenv("QUANT_TRIAGE_CACHE", str(tmp_path / "cache"))
    page = tmp_path / "page.md"
    arguments = ["bench", "engine", "--model", str(model), "--rounds", "1", "--prompts", "4", "--tokens", "8"]
    monkeypatch.setattr("sys.argv", ["quant-triage", *arguments, "--json", "--write", str(page)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"][0]["rate"] > 0
    assert facts["rows"][1]["ratio"] == pytest.approx(facts["rows"][0]["rate"] / facts["rows"][1]["rate"])
    assert "llama-server, 8 slots, 8 clients | not measured" in page.read_text()


def test_a_page_keeps_the_other_sections(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    write_section(page, "engine", "first")
    write_section(page, "grade", "other")
    write_section(page, "engine", "second\n")
    text = page.read_text()
    assert text.startswith("# Benchmarks\n")
    assert "first" not in text
    assert text.index("second") < text.index("other")
    assert text.count("<!-- engine: begin -->") == text.count("<!-- engine: end -->") == 1


def test_a_missed_target_stands_in_the_table() -> None:
    rows = (
        Row(name="ours", timings=(Timing(tokens=10, seconds=1),)),
        Row(name="peer", timings=(Timing(tokens=20, seconds=1),), target=1.0, ratio=0.5),
    )
    bench = EngineBench(
        model="m",
        sha256="0",
        bytes=1,
        build="b",
        flags=None,
        work=work(),
        rounds=1,
        bystanders=0.2,
        rows=rows,
    )
    page = engine_section(bench, command="c", when="today", machine=MACHINE)
    assert "| peer | 20 | 20 to 20 | 0.50 | at least 1.00, **missed** |" in page
    assert "other programs took 20%" in page
    assert bench.complete
    assert not bench.reached
