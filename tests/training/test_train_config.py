from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_triage.data import BASE_DIR, FileFormatError, UsageError
from quant_triage.training import PRESETS, preset_config, resolve_config


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_keeps_the_hyperparameters_of_the_seed(preset: str) -> None:
    config = preset_config(preset)
    assert (config.r, config.lora_alpha, config.lora_dropout) == (16, 16, 0.0)
    assert (config.learning_rate, config.neftune_noise_alpha) == (2e-4, 5)
    modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert set(config.target_modules) == modules


def test_presets_differ_in_base_and_size_only_where_the_machine_does() -> None:
    gemma, bundled = preset_config("gemma3n"), preset_config("bundled")
    assert gemma.base == "unsloth/gemma-3n-E2B-it"
    assert gemma.load_in_4bit
    assert bundled.base == str(BASE_DIR)
    assert not bundled.load_in_4bit


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("r: 8\nepochs: 2\n")
    resolved = resolve_config("gemma3n", file, {"epochs": 5.0, "seed": None})
    assert (resolved.config.r, resolved.config.epochs, resolved.config.seed) == (8, 5.0, 3407)
    assert (resolved.origins["r"], resolved.origins["epochs"], resolved.origins["seed"]) == (
        "file",
        "flag",
        "preset",
    )
    lines = resolved.lines()
    assert "r = 8 (file)" in lines
    assert "epochs = 5.0 (flag)" in lines
    assert "learning_rate = 0.0002 (preset)" in lines


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"learning_rte": 1.0}, "'learning_rte'"),
        ({"preset": "bundled"}, "'preset'"),
        ({"learning_rate": -1.0}, "learning_rate = -1.0 (from flag)"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"epochs": 0}, "epochs = 0 (from flag)"),
        ({"schedule": "sawtooth"}, "schedule = 'sawtooth'"),
        ({"target_modules": []}, "target_modules = []"),
    ],
)
def test_a_wrong_value_is_named(flags: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_config("gemma3n", flags=flags)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_presets_and_malformed_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown preset 'gemma4'"):
        resolve_config("gemma4")
    file = tmp_path / "train.yaml"
    file.write_text("- r\n- 8\n")
    with pytest.raises(FileFormatError, match=r"train\.yaml"):
        resolve_config("gemma3n", file)
    file.write_text("rank: 8\n")
    with pytest.raises(UsageError, match="'rank'"):
        resolve_config("gemma3n", file)


@given(st.integers(1, 1024), st.floats(1e-6, 1.0))
def test_a_configuration_survives_json(r: int, rate: float) -> None:
    config = resolve_config("bundled", flags={"r": r, "learning_rate": rate}).config
    assert type(config).model_validate_json(config.model_dump_json()) == config
