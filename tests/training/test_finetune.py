import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from quant_triage.data import NotEnoughSpaceError, UsageError
from quant_triage.training import (
    ADAPTER_INFO,
    TrainConfig,
    TrainProgress,
    base_sha256,
    choose_backend,
    finetune,
    read_adapter_info,
)


def test_importing_the_package_does_not_import_torch() -> None:
    code = (
        "import sys, quant_triage.training; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_auto_falls_back_to_peft_and_says_why_and_unsloth_by_name_is_refused() -> None:
    backend, reason = choose_backend("auto")
    assert backend == "peft"
    assert reason in {"Unsloth is not installed", "there is no CUDA device"}
    with pytest.raises(UsageError, match="backend 'unsloth' cannot run here"):
        choose_backend("unsloth")
    with pytest.raises(UsageError, match="unknown backend 'axolotl'"):
        choose_backend("axolotl")


@pytest.mark.parametrize("base", ["nowhere/at/all", "./nowhere", "/nowhere", "nowhere"])
def test_a_base_that_is_neither_folder_nor_hub_id_is_refused(
    base: str, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    with pytest.raises(UsageError, match="neither a checkpoint folder nor a hub id"):
        finetune(base, data, tmp_path / "adapter", quick, backend="peft")


def test_a_hub_that_cannot_be_reached_is_one_clear_line(
    data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    code = (
        "import sys; from pathlib import Path; from quant_triage.training import *\n"
        "data, out = map(Path, sys.argv[1:])\n"
        "try: finetune('owner/name', data, out, preset_config('bundled'), backend='peft')\n"
        "except Exception as error: sys.exit(f'{type(error).__name__}: {error}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(data), str(tmp_path / "adapter")],
        env={"HF_ENDPOINT": "http://127.0.0.1:9", "HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith("UsageError: cannot fetch base 'owner/name' from http://127.0.0.1:9")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "adapter").exists()


def test_a_folder_with_other_files_is_never_written_over(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    out = tmp_path / "adapter"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds other files"):
        finetune(tiny_base, data, out, quick, backend="peft")
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_training_lowers_the_loss_repeats_itself_and_is_not_done_twice(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    seen: list[TrainProgress] = []
    info = finetune(tiny_base, data, tmp_path / "a", quick, backend="peft", on_progress=seen.append)
    # Its masked attention gives NaN gradients on Hopper.
    assert not torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]

    assert info.losses[-1] < 0.6 * info.losses[0]
    assert [progress.step for progress in seen] == list(range(1, 13))
    assert tuple(progress.loss for progress in seen) == info.losses
    assert all(progress.total == 12 and progress.tokens_per_second > 0 for progress in seen)
    assert seen[-1].seconds_left == 0
    assert info.base_sha256 == base_sha256(tiny_base)
    assert read_adapter_info(tmp_path / "a") == info
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", ADAPTER_INFO} <= names
    assert not any(name.endswith((".bin", ".pt", ".pth")) for name in names)  # nothing pickled
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    saved = json.loads((tmp_path / "a" / ADAPTER_INFO).read_text())
    assert saved["config"]["learning_rate"] == 5e-3

    again: list[TrainProgress] = []
    assert finetune(tiny_base, data, tmp_path / "a", quick, backend="peft", on_progress=again.append) == info
    assert again == []

    other = finetune(tiny_base, data, tmp_path / "b", quick, backend="peft")
    assert other.losses == info.losses
    weights = "adapter_model.safetensors"
    assert (tmp_path / "a" / weights).read_bytes() == (tmp_path / "b" / weights).read_bytes()

    reseeded = quick.model_copy(update={"seed": 1})
    assert finetune(tiny_base, data, tmp_path / "a", reseeded, backend="peft").losses != info.losses


@pytest.mark.slow
def test_an_interrupted_training_resumes_where_it_stopped(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    config = quick.model_copy(update={"checkpoint_steps": 3, "max_steps": 6})
    whole = finetune(tiny_base, data, tmp_path / "whole", config, backend="peft")

    def interrupt(progress: TrainProgress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(tiny_base, data, tmp_path / "cut", config, backend="peft", on_progress=interrupt)
    assert not (tmp_path / "cut").exists()

    steps: list[int] = []
    resumed = finetune(
        tiny_base,
        data,
        tmp_path / "cut",
        config,
        backend="peft",
        resume=True,
        on_progress=lambda progress: steps.append(progress.step),
    )
    assert steps == [4, 5, 6]
    assert resumed.losses == pytest.approx(whole.losses, rel=1e-4)
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_with_a_hint_and_saves_nothing(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    config = quick.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 1e30})
    with pytest.raises(UsageError, match=r"the loss became (nan|inf) at step \d+.*lower learning_rate"):
        finetune(tiny_base, data, tmp_path / "adapter", config, backend="peft")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl"]


@pytest.mark.slow
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    def fill(_progress: TrainProgress) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NotEnoughSpaceError, match=r"no space left on the disk of .*adapter: free some"):
        finetune(tiny_base, data, tmp_path / "adapter", quick, backend="peft", on_progress=fill)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


@pytest.mark.slow
def test_a_row_beyond_max_length_is_named(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    config = quick.model_copy(update={"max_length": 16})
    with pytest.raises(UsageError, match=r"row 1 has \d+ tokens, more than max_length=16"):
        finetune(tiny_base, data, tmp_path / "adapter", config, backend="peft")
    assert not (tmp_path / "adapter").exists()
