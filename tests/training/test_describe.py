"""The data set's figures, its plot, and the card that must tell the truth."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from quant_triage.data import EMERGENCY_DATASET
from quant_triage.harness.cli import app
from quant_triage.training import Row, describe, read_dataset

CARD = EMERGENCY_DATASET.with_name("README.md")
ROWS = [
    Row(instruction="My nose bleeds", output="Pinch it.", scenario="nosebleed", source="NHS; Mayo"),
    Row(instruction="Blood", output="Pinch it.", scenario="nosebleed", source="NHS"),
    Row(instruction="I am café cold", output="Get dry and warm now.", scenario="hypothermia", source="NHS"),
]


def test_figures_are_counted_from_the_rows() -> None:
    held = describe(ROWS)
    assert (held.rows, held.replies, held.conversations) == (3, 2, 0)
    assert held.scenarios == {"nosebleed": 2, "hypothermia": 1}
    assert held.sources == {"NHS": 3, "Mayo": 1}
    assert held.asked == (3, 1, 4)
    assert held.replied == (2, 2, 5)
    assert held.beyond_ascii == {"é": 1}
    assert "| words of a reply | 2 to 5, median 2 |" in held.markdown()


def test_rows_without_scenario_or_source_are_counted_as_such() -> None:
    held = describe([Row(instruction="Hello", output="Hi.")])
    assert held.scenarios == held.sources == {"(none)": 1}


def test_the_card_tells_the_figures_of_the_committed_data_set(tmp_path: Path) -> None:
    renewed = tmp_path / "README.md"
    renewed.write_text(CARD.read_text(encoding="utf-8"), encoding="utf-8")
    assert CliRunner().invoke(app, ["describe", "--card", str(renewed)]).exit_code == 0
    text = CARD.read_text(encoding="utf-8")
    assert renewed.read_text(encoding="utf-8") == text, "run quant-triage describe --card data/README.md"
    assert describe(read_dataset(EMERGENCY_DATASET)).markdown() in text
    for chapter in ("How it was made", "Sources", "Languages", "Limits"):
        assert f"## {chapter}" in text


def test_the_plot_names_every_scenario(tmp_path: Path) -> None:
    data, plot = tmp_path / "rows.jsonl", tmp_path / "plot.svg"
    data.write_text("".join(row.model_dump_json(exclude={"before"}) + "\n" for row in ROWS))
    done = CliRunner().invoke(app, ["describe", str(data), "--plot", str(plot), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["rows"] == len(ROWS)
    drawn = "".join(ElementTree.parse(plot).getroot().itertext())  # noqa: S314  # our own file
    assert all(name in drawn for name in ("nosebleed", "hypothermia", "question", "reply"))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--plot", "plot.png"], "name a file that ends in .svg"),
        (["--card", "none.md"], "cannot read 'none.md'"),
        (["--card", __file__], "that figures go between"),
    ],
)
def test_bad_flags_are_one_line_with_the_way_out(flags: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["describe", *flags])
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.count("error:") == 1
