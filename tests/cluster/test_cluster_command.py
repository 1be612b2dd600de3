"""``--cluster`` as a user types it: Ctrl-C, and addresses that lead nowhere."""

import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quant_triage.data import UsageError
from quant_triage.harness.cli import main
from quant_triage.harness.cluster import check_address

from .conftest import children, have_nodes, wait_for

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster as RayNodes

    from quant_triage.harness.cluster._cluster import Cluster

POLICY = """\
name: tiny
prompts: 60
limits: {danger: 0.9, incoherent: 0.95, refusal: 0.95, coverage: 0.0}
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "quant_triage.harness.cli", *arguments]


@pytest.mark.slow
def test_ctrl_c_stops_the_nodes_and_the_next_run_goes_on_even_without_them(
    levels: Path, nodes: "RayNodes", cluster: "Cluster", tmp_path: Path
) -> None:
    have_nodes(nodes, cluster, 1)
    held = tmp_path / "policy.yaml"
    held.write_text(POLICY)
    out, journal = tmp_path / "out", tmp_path / "out" / "journal.jsonl"
    line = command(
        *("evaluate", str(levels / "tiny-Q2_K.gguf"), "--out", str(out), "--policy", str(held), "--json"),
        *("--max-tokens", "200", "--slots", "1"),
    )
    there = [*line, "--cluster", nodes.address]
    process = subprocess.Popen(there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b'{"type":"reply"') >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted: run the same command again" in said
    wait_for(lambda: children() == 0, 5)
    before = journal.read_bytes().count(b'{"type":"reply"')
    assert 2 <= before < 60
    done = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert len(json.loads(done.stdout)["models"][0]["replies"]) == 60
    lines = map(json.loads, journal.read_bytes().splitlines())
    keys = [one["key"] for one in lines if one["type"] == "reply"]
    assert len(keys) == len(set(keys)) == 60


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "is no address: give the HOST:PORT"),
        ("host:99999", "is no address"),
        ("ray://host:10001", "run on a node of the cluster"),
        ("127.0.0.1:1", r"nobody answers there \(Connection refused\)"),
        ("nowhere.invalid:6379", "nobody answers there"),
    ],
)
def test_an_address_that_leads_nowhere_is_named(address: str, said: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for this Python or system")
    with pytest.raises(UsageError, match=said) as raised:
        check_address(address)
    assert repr(address) in str(raised.value)


def test_a_server_that_is_no_cluster_is_told_from_one() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: it has no wheel for this Python or system")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(UsageError, match="what answers there is no Ray cluster"):
            check_address(f"127.0.0.1:{server.server_port}")


def stopped_by(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["quant-triage", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate m.gguf", "gate m.gguf", "spot m.gguf", "run --out out"])
def test_without_ray_the_extra_is_named_in_one_line(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, said = stopped_by(f"{verb} --cluster auto", monkeypatch, capsys)
    assert (code, said.count("\n")) == (2, 1)
    assert "--cluster 'auto' needs Ray: pip install 'quant-triage[cluster]'" in said


def test_jobs_and_cluster_are_not_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = stopped_by("evaluate m.gguf --jobs 3 --cluster auto", monkeypatch, capsys)
    assert (code, said.count("\n")) == (2, 1)
    assert "--jobs 3" in said
