import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from quant_triage.data import FileFormatError, UsageError
from quant_triage.training import (
    MERGE_INFO,
    TrainConfig,
    bench_merge,
    finetune,
    merge,
    merge_section,
)

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTER = "adapter_model.safetensors"
Tensors = dict[str, torch.Tensor]


def weights(folder: Path) -> Tensors:
    return {
        name: value
        for file in sorted(folder.glob("*.safetensors"))
        for name, value in load_file(file).items()
    }


def make_adapter(base: Path, out: Path, targets: list[str], **options: object) -> Path:
    """A PEFT adapter whose B is not zero, as after training."""
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM", **options)
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name or "lora_embedding_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
        elif "lora_magnitude_vector" in name:
            parameter.data *= 1.0 + 0.1 * torch.rand_like(parameter)
    adapted.save_pretrained(out)
    return out


def merged_by_peft(base: Path, adapter: Path) -> Tensors:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    state: Tensors = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().state_dict()
    return state


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"use_dora": True},
        {"use_dora": True, "use_rslora": True},
        {"alpha_pattern": {"q_proj": 64}, "rank_pattern": {"layers.0.mlp.up_proj": 4}},
        {"layers_to_transform": [1]},
    ],
    ids=["lora", "rslora", "dora", "dora-rslora", "patterns", "one-layer"],
)
def test_a_merge_equals_pefts_within_the_rounding_of_the_base(
    tiny_base: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    adapter = make_adapter(tiny_base, tmp_path / "adapter", TARGETS, **options)
    info = merge(tiny_base, adapter, tmp_path / "merged")

    expected, found, base = (
        merged_by_peft(tiny_base, adapter),
        weights(tmp_path / "merged"),
        weights(tiny_base),
    )
    assert set(found) == set(base)
    for name, value in base.items():
        assert found[name].dtype == torch.bfloat16
        if name in info.changed:
            assert not torch.equal(found[name], value), name
            # One rounding to bfloat16: half a unit in the last of 8 binary places.
            torch.testing.assert_close(found[name].float(), expected[name], rtol=2**-8, atol=1e-8)
        else:
            assert torch.equal(found[name], value), name
    layers = 1 if "layers_to_transform" in options else 2
    assert len(info.changed) == layers * len(TARGETS)


def test_a_sharded_base_keeps_its_shards_its_index_and_every_other_byte(
    make_base: Callable[..., Path], tmp_path: Path
) -> None:
    base = make_base(tmp_path / "base", shard="1MB")
    shards = sorted(path.name for path in base.glob("*.safetensors"))
    assert len(shards) > 1
    adapter = make_adapter(base, tmp_path / "adapter", ["q_proj"])
    info = merge(base, adapter, tmp_path / "merged")

    assert sorted(path.name for path in (tmp_path / "merged").glob("*.safetensors")) == shards
    copied = [path.name for path in base.iterdir() if path.suffix != ".safetensors"]
    assert {"config.json", "model.safetensors.index.json", "tokenizer.model", "chat_template.jinja"} <= set(
        copied
    )
    for name in copied:
        assert (tmp_path / "merged" / name).read_bytes() == (base / name).read_bytes(), name
    differing = sum(
        np.count_nonzero(
            np.fromfile(base / name, np.uint8) != np.fromfile(tmp_path / "merged" / name, np.uint8)
        )
        for name in shards
    )
    assert 0 < differing <= 2 * 2 * 256 * 256  # two layers' q_proj of 256 x 256 bfloat16, and nothing else
    assert set(info.files) == {*copied, *shards}
    assert json.loads((tmp_path / "merged" / MERGE_INFO).read_text())["base_sha256"] == info.base_sha256


def test_tensors_under_another_prefix_are_found_by_their_place_in_the_layers(
    tiny_base: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    renamed = {f"model.language_{name}": value for name, value in weights(tiny_base).items()}
    tower = "model.vision_tower.layers.0.self_attn.q_proj.weight"
    renamed[tower] = torch.zeros(256, 256, dtype=torch.bfloat16)
    save_file(renamed, base / "model.safetensors")
    adapter = make_adapter(tiny_base, tmp_path / "adapter", TARGETS)
    merge(tiny_base, adapter, tmp_path / "plain")
    info = merge(base, adapter, tmp_path / "prefixed")

    assert all(name.startswith("model.language_model.layers.") for name in info.changed)
    found = weights(tmp_path / "prefixed")
    assert not found[tower].any()
    for name, value in weights(tmp_path / "plain").items():
        assert torch.equal(found[f"model.language_{name}"], value)


def test_a_finished_merge_is_kept_and_a_damaged_one_is_made_again(tiny_base: Path, tmp_path: Path) -> None:
    adapter, out = make_adapter(tiny_base, tmp_path / "adapter", ["v_proj"]), tmp_path / "merged"
    first = merge(tiny_base, adapter, out)
    stamp = (out / "model.safetensors").stat().st_mtime_ns
    assert merge(tiny_base, adapter, out) == first
    assert (out / "model.safetensors").stat().st_mtime_ns == stamp
    with (out / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    assert merge(tiny_base, adapter, out) == first
    assert (out / "model.safetensors").stat().st_mtime_ns != stamp
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"modules_to_save": ["norm"]}, "modules_to_save=['norm']"),
        ({"lora_bias": True}, "lora_bias"),
        ({"bias": "all"}, "bias='all'"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'"),
        ({"peft_type": "VERA"}, "peft_type='VERA'"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"use_dora": True}, "use_dora=True"),
    ],
)
def test_what_cannot_be_merged_exactly_is_refused_by_name(
    tiny_base: Path, tmp_path: Path, setting: dict[str, object], named: str
) -> None:
    adapter = make_adapter(tiny_base, tmp_path / "adapter", ["q_proj"])
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | setting))
    with pytest.raises(UsageError) as caught:
        merge(tiny_base, adapter, tmp_path / "merged")
    assert named in str(caught.value)
    assert not (tmp_path / "merged").exists()


def test_an_adapter_of_the_embeddings_is_refused_by_name(tiny_base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny_base, tmp_path / "adapter", ["q_proj"])
    saved = load_file(adapter / ADAPTER)
    saved["base_model.model.model.embed_tokens.lora_embedding_A"] = torch.zeros(8, 400)
    save_file(saved, adapter / ADAPTER)
    with pytest.raises(UsageError, match=r"embed_tokens\.lora_embedding_A"):
        merge(tiny_base, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_that_does_not_fit_the_base_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny_base, tmp_path / "adapter", ["q_proj"])
    saved = load_file(adapter / ADAPTER)

    save_file(
        {name.replace("layers.1", "layers.9"): value for name, value in saved.items()}, adapter / ADAPTER
    )
    with pytest.raises(UsageError, match=r"'model\.layers\.9\.self_attn\.q_proj', which the base lacks"):
        merge(tiny_base, adapter, tmp_path / "merged")

    wide = {
        name: torch.cat([value] * 2, dim=1) if "lora_A" in name else value for name, value in saved.items()
    }
    save_file(wide, adapter / ADAPTER)
    with pytest.raises(UsageError, match=r"of shape \(256, 512\), but the base's has \(256, 256\)"):
        merge(tiny_base, adapter, tmp_path / "merged")

    save_file({name: value / 0 for name, value in saved.items()}, adapter / ADAPTER)
    with pytest.raises(UsageError, match="holds NaN or infinity"):
        merge(tiny_base, adapter, tmp_path / "merged")

    save_file({name: value for name, value in saved.items() if "lora_B" not in name}, adapter / ADAPTER)
    with pytest.raises(FileFormatError, match="lacks a matching pair"):
        merge(tiny_base, adapter, tmp_path / "merged")

    raw = (adapter / ADAPTER).read_bytes()
    (adapter / ADAPTER).write_bytes(raw[:-10])
    with pytest.raises(FileFormatError, match="cut off"):
        merge(tiny_base, adapter, tmp_path / "merged")

    (adapter / ADAPTER).unlink()
    with pytest.raises(UsageError, match="save the adapter as safetensors"):
        merge(tiny_base, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_quantized_base_and_a_folder_that_is_no_checkpoint_are_refused(
    tiny_base: Path, tmp_path: Path
) -> None:
    adapter = make_adapter(tiny_base, tmp_path / "adapter", ["q_proj"])
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    name = "model.layers.0.self_attn.q_proj.weight"
    save_file(
        weights(tiny_base) | {name: torch.zeros(256, 256, dtype=torch.uint8)}, base / "model.safetensors"
    )
    with pytest.raises(UsageError, match=f"stores '{name}' as U8: give the unquantized base"):
        merge(base, adapter, tmp_path / "merged")
    (base / "config.json").unlink()
    with pytest.raises(UsageError, match="is not a checkpoint"):
        merge(base, adapter, tmp_path / "merged")
    with pytest.raises(UsageError, match="name an adapter's folder"):
        merge(tiny_base, tmp_path, tmp_path / "merged")


@pytest.mark.slow
def test_a_trained_adapter_merges_into_its_own_base_and_no_other(
    tiny_base: Path, make_base: Callable[..., Path], data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    trained = finetune(tiny_base, data, tmp_path / "adapter", quick, backend="peft")
    info = merge(tiny_base, tmp_path / "adapter", tmp_path / "merged")
    assert (info.base_sha256, info.adapter_key) == (trained.base_sha256, trained.key)
    assert len(info.changed) == 2 * len(TARGETS)

    other = make_base(tmp_path / "other", seed=1)
    with pytest.raises(UsageError, match="was trained on another base"):
        merge(other, tmp_path / "adapter", tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.slow
def test_the_merge_bench_measures_both_ways(tmp_path: Path) -> None:
    bench = bench_merge(tmp_path, layers=1)
    assert bench.parameters == 328_833_152
    assert bench.largest_tensor == 262_144 * 1152 * 2
    assert bench.ours_peak < 2 * bench.largest_tensor + 500_000_000  # asked for
    assert bench.ours_peak < bench.peft_peak
    section = merge_section(bench)
    assert f"| streaming merge | {bench.ours_seconds:.1f} |" in section
