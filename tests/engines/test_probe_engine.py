"""The probe for kernels that crash: clean here, and what happens where it fires."""

import logging
import sys
from pathlib import Path

import pytest

from quant_triage.harness.engines import engine_build, probe

CRASHES_IF_REPACKED = "import os, sys; len(sys.argv) == 2 and os.kill(os.getpid(), 11)"
ALWAYS_CRASHES = "import os; os.abort()"


def command(tmp_path: Path, script: str) -> list[str]:
    """Run ``script``, and leave a mark for each time that it was run."""
    mark = tmp_path / "runs"
    return [sys.executable, "-c", f"open({str(mark)!r}, 'a').write('x')\n{script}"]


def test_this_machine_is_probed_for_real_and_survives(tmp_path: Path) -> None:
    cache = tmp_path / "probe.json"
    result = probe(cache=cache)
    assert cache.exists()
    if result.use_extra_bufts:
        assert result.reason is None
    else:
        assert "AMX" in str(result.reason)


def test_where_it_fires_repacking_is_off_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        result = probe(
            command=command(tmp_path, CRASHES_IF_REPACKED), cache=tmp_path / "cache" / "probe.json"
        )
    assert not result.use_extra_bufts
    (message,) = caplog.messages
    assert message == result.reason
    assert "SIGSEGV" in message
    assert "\n" not in message


@pytest.mark.parametrize("script", ["pass", CRASHES_IF_REPACKED])
def test_the_answer_is_remembered(tmp_path: Path, script: str) -> None:
    cache = tmp_path / "probe.json"
    first = probe(command=command(tmp_path, script), cache=cache)
    runs = (tmp_path / "runs").read_text()
    assert probe(command=command(tmp_path, script), cache=cache) == first
    assert (tmp_path / "runs").read_text() == runs


def test_a_damaged_cache_is_probed_again(tmp_path: Path) -> None:
    cache = tmp_path / "probe.json"
    cache.write_text("{half a li")
    assert probe(command=command(tmp_path, "pass"), cache=cache).use_extra_bufts
    assert probe(command=command(tmp_path, ALWAYS_CRASHES), cache=cache).use_extra_bufts


def test_a_library_that_fails_either_way_is_not_blamed_on_repacking_nor_remembered(tmp_path: Path) -> None:
    cache = tmp_path / "probe.json"
    result = probe(command=command(tmp_path, ALWAYS_CRASHES), cache=cache)
    assert "install llama-cpp-python again" in str(result.reason)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert probe(command=command(tmp_path, "pass"), cache=tmp_path / "file" / "probe.json").use_extra_bufts


def test_repacking_is_part_of_the_build() -> None:
    assert engine_build(use_extra_bufts=True) != engine_build(use_extra_bufts=False)
