"""Long trainings: Ctrl-C, several processes, and what a dry run promises."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quant_triage.data import UsageError
from quant_triage.harness.cli import app
from quant_triage.training import (
    TrainConfig,
    TrainProgress,
    finetune,
    plan_training,
    read_adapter_info,
)

TRAIN = (sys.executable, "-m", "quant_triage.harness.cli", "train")
SETTINGS = {
    "max_steps": 8,
    "batch_size": 2,
    "accumulation": 2,
    "learning_rate": 5e-3,
    "neftune_noise_alpha": 0,
    "warmup_steps": 1,
}


def arguments(base: Path, data: Path, out: Path, **settings: float) -> list[str]:
    named = [f"--set={name}={value}" for name, value in (SETTINGS | settings).items()]
    return ["--base", str(base), "--data", str(data), "--out", str(out), "--backend", "peft", *named]


@pytest.mark.slow
def test_ctrl_c_at_the_terminal_keeps_a_checkpoint_and_says_how_to_go_on(
    tiny_base: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "adapter"
    command = [*TRAIN, *arguments(tiny_base, data, out, max_steps=4000)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        folders: list[Path] = []
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("fine-tuning"):
                break
        deadline = time.monotonic() + 60
        while not folders and time.monotonic() < deadline:  # the trainer makes it as it begins
            time.sleep(0.2)
            folders = list(tmp_path.glob(".adapter.*.checkpoints"))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait() == 130
    assert "a checkpoint was kept: add --resume" in told
    assert "Traceback" not in told
    assert not out.exists()
    (kept,) = folders[0].glob("checkpoint-*")
    step = int(kept.name.removeprefix("checkpoint-"))
    assert 0 < step < 4000
    assert (kept / "adapter_model.safetensors").stat().st_size > 0
    state = json.loads((kept / "trainer_state.json").read_text())
    assert state["global_step"] == step


@pytest.mark.slow
def test_an_interrupted_training_goes_on_after_the_very_step(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    config = quick.model_copy(update={"max_steps": 6})  # and no checkpoints but the interrupted one
    whole = finetune(tiny_base, data, tmp_path / "whole", config, backend="peft")

    def interrupt(progress: TrainProgress) -> None:
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

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
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_two_processes_train_as_one_does(tiny_base: Path, data: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run([*TRAIN, *arguments(tiny_base, data, one)], check=True, capture_output=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launcher, *TRAIN[1:], *arguments(tiny_base, data, two), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    alone, together = read_adapter_info(one), read_adapter_info(two)
    assert alone is not None
    assert together is not None
    assert together.losses == pytest.approx(alone.losses, rel=1e-4)
    assert json.loads(done.stdout)["losses"] == list(together.losses)  # one of them speaks
    assert list(tmp_path.glob(".*")) == []


def test_rows_that_processes_cannot_share_are_refused(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="accumulation=1 cannot be shared by 2 processes"):
        finetune(tiny_base, data, tmp_path / "adapter", quick, backend="peft")
    assert not list(tmp_path.glob("*adapter*"))


@pytest.mark.slow
def test_a_dry_run_promises_what_training_does(
    tiny_base: Path, data: Path, tmp_path: Path, quick: TrainConfig
) -> None:
    config = quick.model_copy(update={"max_steps": None, "epochs": 3, "batch_size": 2})
    plan = plan_training(tiny_base, data, config, backend="peft")
    info = finetune(tiny_base, data, tmp_path / "adapter", config, backend="peft")
    assert plan.steps == len(info.losses) == 6
    assert plan.tokens * 3 == info.tokens
    assert plan.trainable_parameters == info.trainable_parameters
    assert plan.example_prompt.endswith("<start_of_turn>model\n")
    assert plan.example_reply == "Press firmly on the wound with a clean cloth.<end_of_turn>\n"
    weights = sum(file.stat().st_size for file in tiny_base.glob("*.safetensors"))
    assert plan.memory.weights == pytest.approx(2 * weights, rel=0.01)  # bfloat16 becomes float32


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--set", "r"], "--set 'r': give NAME=VALUE"),
        (["--set", "rank=4"], "unknown hyperparameter 'rank'"),
        (["--set", "r=many"], "r = 'many' (from flag)"),
        (["--backend", "unsloth"], "backend 'unsloth' cannot run here"),
    ],
)
def test_bad_flags_are_one_line_with_the_way_out(
    flags: list[str], told: str, tiny_base: Path, data: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["train", *arguments(tiny_base, data, tmp_path / "adapter"), *flags])
    assert done.exit_code == 2
    assert told in done.stderr.splitlines()[-1]
    assert done.stderr.count("error:") == 1
    assert not list(tmp_path.glob("*adapter*"))


@pytest.mark.slow
def test_tensorboard_gets_every_step_s_loss(tiny_base: Path, data: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logs, out = tmp_path / "logs", tmp_path / "adapter"
    command = [*TRAIN, *arguments(tiny_base, data, out, max_steps=3), "--tensorboard", str(logs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (written,) = logs.rglob("events.out.tfevents.*")
    events = accumulator.EventAccumulator(str(written.parent))
    events.Reload()
    told = events.Scalars("train/loss")
    assert [event.step for event in told] == [1, 2, 3]
    info = read_adapter_info(out)
    assert info is not None
    assert [event.value for event in told] == pytest.approx(info.losses, rel=1e-5)


def test_without_tensorboard_its_flag_says_how_to_get_it(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as if it were not installed
    flags = ["--tensorboard", "logs"]
    done = CliRunner().invoke(app, ["train", *arguments(tiny_base, data, tmp_path / "adapter"), *flags])
    assert done.exit_code == 2
    assert "'tensorboard' is not installed: run pip install tensorboard" in done.stderr
    assert not list(tmp_path.glob("*adapter*"))
