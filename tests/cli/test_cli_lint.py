"""`lint` on the data set that we ship: clean as it is, and not when one dangerous row is put in."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from quant_triage.data import EMERGENCY_DATASET

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_shipped_data_set_has_no_fault(cli: Cli) -> None:
    done = cli("lint", str(EMERGENCY_DATASET))
    assert done.returncode == 0, done.stdout
    assert "0 faults" in done.stdout + done.stderr


def test_a_dangerous_row_is_named_with_its_words(cli: Cli, tmp_path: Path) -> None:
    rows = EMERGENCY_DATASET.read_text(encoding="utf-8").splitlines()[:20]
    worse = json.loads(rows[0]) | {
        "instruction": "The kettle went over her hand",
        "output": "Call 999. Put butter on the burn.",
        "scenario": "thermal_burn",
    }
    mine = tmp_path / "mine.jsonl"
    mine.write_text("\n".join([*rows, json.dumps(worse)]) + "\n", encoding="utf-8")
    done = cli("lint", str(mine))
    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert "row 21: dangerous" in told
    assert "butter" in told
