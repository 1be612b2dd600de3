"""A base trained for two steps, and one that goes on from it: whole, loadable, honest about both."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")

PRETRAIN = [sys.executable, "-m", "quant_triage.training.pretrain"]
FEW = ["--device", "cpu", "--steps", "2", "--docs", "1200", "--batch", "2", "--workers", "2", "--row", "128"]


@pytest.mark.slow
def test_a_base_is_trained_and_trained_on(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    new = ["--layers", "1", "--vocab", "1024", "--out", str(first)]
    on = ["--residual-dropout", "0", "--start", str(first), "--out", str(second)]
    for given in (new, on):
        done = subprocess.run([*PRETRAIN, *FEW, *given], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    assert (second / "tokenizer.model").read_bytes() == (first / "tokenizer.model").read_bytes()
    assert (second / "model.safetensors").read_bytes() != (first / "model.safetensors").read_bytes()
    config = transformers.AutoConfig.from_pretrained(second)
    assert (config.num_hidden_layers, config.vocab_size) == (1, 1024)

    record = json.loads((second / "pretrain.json").read_text())
    assert [one["settings"]["residual_dropout"] for one in record["facts"]["before"]] == [0.1]
    assert json.loads((first / "pretrain.json").read_text())["facts"]["before"] == []
    assert (record["settings"]["start"], record["settings"]["out"]) == ("first", "second")  # no private path
    card = (second / "README.md").read_text()
    assert "1 layers" in card
    assert "before that" in card
