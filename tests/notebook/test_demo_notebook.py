"""demo.ipynb really trains, merges, quantizes, asks and plots: executed in a smaller variant of itself."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

DEMO = Path(__file__).parents[2] / "demo.ipynb"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_runs_from_its_first_cell_to_its_report(tmp_path: Path) -> None:
    out = tmp_path / "small.ipynb"
    smaller = {"levels": "Q4_K_M,Q2_K", "prompts": "6", "steps": "3", "out": str(tmp_path / "run")}
    parameters = [part for name, value in smaller.items() for part in ("-p", name, value)]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", str(DEMO), str(out), *parameters],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in nbformat.read(out, as_version=4).cells if cell.cell_type == "code"]
    pictures = [output for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert {model["level"] for model in report["models"]} == {"F16", "Q4_K_M", "Q2_K"}
    assert all(len(model["replies"]) == 6 for model in report["models"])
    printed = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    assert f"{report['decision']['status']}: " in printed
    assert report["decision"]["reason"] in printed
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_notebook_tells_no_private_path() -> None:
    text = DEMO.read_text(encoding="utf-8")
    assert "/home/" not in text
    assert str(DEMO.parent) not in text
