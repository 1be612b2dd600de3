"""The PEFT backend: TRL's SFTTrainer on a CPU or a GPU. Imports torch, so nothing may import it lightly."""

import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging as transformers_logging
from trl import SFTConfig, SFTTrainer

from quant_triage.data import UsageError

from ._adapter import Trained, TrainJob, TrainProgress
from ._config import TrainConfig
from ._encode import encode_rows

_TOWERS = r".*(vision|audio)_(tower|model).*"
"""Gemma 3n's other senses have modules of the same names; the seed trains the language model only."""


class _PlainLossTrainer(SFTTrainer):  # type: ignore[misc]  # trl is untyped for us
    """SFTTrainer with the model's own cross entropy: TRL's fused one is a Triton kernel, for GPUs only."""

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> object:
        """Return the mean loss of the reply's tokens, as `transformers.Trainer` computes it."""
        return super(SFTTrainer, self).compute_loss(model, inputs, return_outputs, num_items_in_batch)


class _Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped for us
    """Reports every step and stops a loss that is no number."""

    def __init__(self, epoch_tokens: int, on_progress: Callable[[TrainProgress], None] | None):
        self.losses: list[float] = []
        self.epoch_tokens = epoch_tokens
        self._on_progress = on_progress
        self._started = (0.0, 0, 0.0)

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """Start the clock, at a later step if training resumes."""
        self._started = (time.monotonic(), state.global_step, state.epoch or 0.0)
        self.losses = [entry["loss"] for entry in state.log_history if "loss" in entry]

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Take a step's loss."""
        if logs is None or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss became {loss} at step {state.global_step}, so nothing was saved: "
                f"lower learning_rate={args.learning_rate}, or look for broken rows in the data"
            )
        self.losses.append(loss)
        if self._on_progress is None:
            return
        began, first_step, first_epoch = self._started
        seconds = max(time.monotonic() - began, 1e-9)
        tokens = ((state.epoch or 0.0) - first_epoch) * self.epoch_tokens
        left = seconds / max(state.global_step - first_step, 1) * (state.max_steps - state.global_step)
        self._on_progress(
            TrainProgress(
                step=state.global_step,
                total=state.max_steps,
                loss=loss,
                tokens_per_second=tokens / seconds,
                seconds_left=left,
            )
        )


def train(job: TrainJob) -> Trained:
    """Train on the job's rows and write adapter and tokenizer into its folder.

    Raises:
        UsageError: A row does not fit the base's template or length, or the loss became NaN.
    """
    transformers_logging.set_verbosity_error()  # its import undoes what quiet_libraries set
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    config, cuda = job.config, torch.cuda.is_available()
    if not cuda:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    encoded = encode_rows(job.rows, tokenizer, config.max_length)
    model = AutoModelForCausalLM.from_pretrained(
        job.base,
        dtype=torch.bfloat16 if cuda else torch.float32,
        quantization_config=_four_bits() if cuda and config.load_in_4bit else None,
    )
    towers = any(re.fullmatch(_TOWERS, name) for name, _ in model.named_modules())
    watch = _Watch(sum(len(row.input_ids) for row in encoded), job.on_progress)
    trainer = (SFTTrainer if cuda else _PlainLossTrainer)(
        model=model,
        args=_arguments(config, job.checkpoints, cuda=cuda),
        train_dataset=Dataset.from_list([row.model_dump() for row in encoded]),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=config.r,
            lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout,
            target_modules=list(config.target_modules),
            exclude_modules=_TOWERS if towers else None,
            bias="none",
            task_type="CAUSAL_LM",
        ),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=_last_checkpoint(job.checkpoints))
    trainer.model.save_pretrained(job.out)
    tokenizer.save_pretrained(job.out)
    return Trained(
        tokens=round(watch.epoch_tokens * (trainer.state.epoch or 0.0)),
        trainable_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        losses=tuple(watch.losses),
        device=torch.cuda.get_device_name() if cuda else f"cpu, {torch.get_num_threads()} threads",
    )


def _last_checkpoint(folder: Path) -> str | None:
    last: str | None = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    return last


def _four_bits() -> BitsAndBytesConfig:
    """Return QLoRA's NF4 with doubly quantized scales, computed in bfloat16 (arXiv 2305.14314)."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _arguments(config: TrainConfig, checkpoints: Path, *, cuda: bool) -> SFTConfig:
    optimizer = config.optimizer
    if optimizer == "auto":
        optimizer = "paged_adamw_8bit" if cuda else "adamw_torch"
    return SFTConfig(
        output_dir=str(checkpoints),
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        neftune_noise_alpha=config.neftune_noise_alpha or None,
        max_length=config.max_length,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        optim=optimizer,
        gradient_checkpointing=config.gradient_checkpointing,
        seed=config.seed,
        data_seed=config.seed,
        # Rows of like length share a batch: less padding, and on a CPU padding costs as much as text.
        train_sampling_strategy="group_by_length",
        bf16=cuda,
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        dataloader_num_workers=0,
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        save_strategy="steps" if config.checkpoint_steps else "no",
        save_steps=config.checkpoint_steps or 1,
        save_total_limit=2,
    )
