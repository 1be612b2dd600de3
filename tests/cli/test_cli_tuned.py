"""Base, adapter and merged checkpoint side by side: what belongs together is told by their records."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_triage.data import BASE_DIR
from quant_triage.training import AdapterInfo, merge, preset_config

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

ADAPTER = """
import sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
torch.manual_seed(1)
lora = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
lora.save_pretrained(sys.argv[2])
"""


def _trained_on_another(folder: Path) -> Path:
    """An adapter that names our base as its own, and was trained on other bytes."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(BASE_DIR)}))
    (folder / "adapter_model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    info = AdapterInfo(
        key="k",
        backend="peft",
        backend_reason="named",
        base="models/older",
        base_sha256="0" * 64,
        data_sha256="1" * 64,
        rows=1,
        tokens=1,
        trainable_parameters=1,
        losses=(1.0,),
        seconds=1.0,
        device="cpu",
        versions={},
        config=preset_config("bundled"),
    )
    (folder / "quant_triage_adapter.json").write_text(info.model_dump_json())
    return folder


@pytest.mark.parametrize("verb", ["evaluate", "spot", "gate"])
def test_an_adapter_on_another_base_than_its_own_is_refused(cli: Cli, tmp_path: Path, verb: str) -> None:
    adapter = _trained_on_another(tmp_path / "adapter")
    out = [] if verb == "spot" else ["--out", str(tmp_path / "out")]
    done = cli(verb, str(adapter), *out)
    assert (done.returncode, done.stdout) == (2, "")
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert str(adapter) in error
    assert "was trained on another base" in error
    assert "give the one it was trained on ('models/older')" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_report_tells_what_fine_tuning_changed(cli: Cli, tmp_path: Path) -> None:
    adapter, merged, out = tmp_path / "adapter", tmp_path / "merged", tmp_path / "out"
    subprocess.run([sys.executable, "-c", ADAPTER, str(BASE_DIR), str(adapter)], check=True)
    merge(BASE_DIR, adapter, merged)
    policy = tmp_path / "two.yaml"
    policy.write_text(
        "name: two\nprompts: 2\nlimits: {danger: 0.5, incoherent: 0.5, refusal: 1.0, coverage: 0.0}\n"
    )
    asked = ("evaluate", str(BASE_DIR), str(adapter), str(merged), "--policy", str(policy))
    done = cli(*asked, "--max-tokens", "24", "--out", str(out), "--json")
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "base is what the others were tuned from" in done.stderr
    report = json.loads(done.stdout)
    assert report["base"]["name"] == "base"
    assert {model["name"] for model in report["models"]} == {"adapter", "merged"}
    assert all(model["outcome"]["status"] == "ok" for model in report["models"])
    tuned = report["fine_tuning"]
    assert tuned["before"] == "base"
    assert tuned["after"] in {"adapter", "merged"}
    assert tuned["prompts"] == 2
