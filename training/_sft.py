"""What both backends share: TRL's SFTTrainer over our tokens. Imports torch, so no light module may.

Model and adapter come from the backend; rows, template, mask, order, schedule and loss are the same for both.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from datasets import Dataset, disable_progress_bars
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging as transformers_logging
from trl import SFTConfig, SFTTrainer

from quant_triage.data import UsageError, usable_cores

from ._adapter import Trained, TrainJob, TrainProgress
from ._encode import Encoded
from ._interrupt import Interruption
from ._ranks import local_rank, processes, shared_accumulation

PADDING_MULTIPLE = 8
"""Rows are padded to such lengths; the hardware's matrix units like them."""


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
    """Reports every step; stops a loss that is no number, and after a Ctrl-C with a checkpoint."""

    def __init__(
        self,
        epoch_tokens: int,
        on_progress: Callable[[TrainProgress], None] | None,
        interruption: Interruption,
    ):
        self.losses: list[float] = []
        self._interruption = interruption
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

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Stop all processes after the same step, with a checkpoint, once any of them was interrupted."""
        asked = self._interruption.asked
        if torch.distributed.is_initialized():
            anyone = torch.tensor(int(asked), device=args.device)
            torch.distributed.all_reduce(anyone, torch.distributed.ReduceOp.MAX)
            self._interruption.asked = asked = bool(anyone)
        if asked:
            control.should_save = control.should_training_stop = True

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


def prepare() -> None:
    """Take this process's share of the machine, and hush the libraries: importing them undid that."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    # On Hopper cuDNN's attention gives NaN gradients at lengths of 64 beyond a multiple of 128 once a mask is
    # there (torch 2.11 to 2.13, https://github.com/pytorch/pytorch/issues/196678): the other kernels do not.
    torch.backends.cuda.enable_cudnn_sdp(False)
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
    else:
        torch.set_num_threads(max(1, usable_cores() // processes()))


def fit(
    job: TrainJob,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    encoded: list[Encoded],
    peft_config: object | None = None,
) -> Trained:
    """Train a loaded model on encoded rows, then write adapter and tokenizer into the job's folder.

    Args:
        job: Where to write, how to train.
        model: The base, with its adapter on it unless ``peft_config`` says which one to put there.
        tokenizer: The base's own; gives the padding token, and is saved beside the adapter.
        encoded: The rows as tokens.
        peft_config: A `peft.LoraConfig`, or None.

    Raises:
        UsageError: The loss became NaN.
    """
    cuda = torch.cuda.is_available()
    if job.logs:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(job.logs)
    interruption = Interruption()
    watch = _Watch(sum(len(row.input_ids) for row in encoded), job.on_progress, interruption)
    trainer = (SFTTrainer if cuda else _PlainLossTrainer)(
        model=model,
        args=_arguments(job, cuda=cuda),
        train_dataset=Dataset.from_list([row.model_dump() for row in encoded]),
        processing_class=tokenizer,
        data_collator=DataCollatorForSeq2Seq(tokenizer, pad_to_multiple_of=PADDING_MULTIPLE),
        peft_config=peft_config,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    with interruption:
        trainer.train(resume_from_checkpoint=_last_checkpoint(job.checkpoints))
    if interruption.asked and trainer.state.global_step < trainer.state.max_steps:
        raise KeyboardInterrupt
    trainer.accelerator.unwrap_model(trainer.model).save_pretrained(job.out)
    tokenizer.save_pretrained(job.out)
    return Trained(
        tokens=round(watch.epoch_tokens * (trainer.state.epoch or 0.0)),
        trainable_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        losses=tuple(watch.losses),
        device=torch.cuda.get_device_name() if cuda else f"cpu, {torch.get_num_threads()} threads",
        peak_gpu_bytes=torch.cuda.max_memory_allocated() if cuda else None,
    )


def _last_checkpoint(folder: Path) -> str | None:
    last: str | None = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    return last


def _arguments(job: TrainJob, *, cuda: bool) -> SFTConfig:
    config = job.config
    optimizer = config.optimizer
    if optimizer == "auto":
        optimizer = "paged_adamw_8bit" if cuda else "adamw_torch"
    return SFTConfig(
        output_dir=str(job.checkpoints),
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        neftune_noise_alpha=config.neftune_noise_alpha or None,
        max_length=config.max_length,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=shared_accumulation(config.accumulation),
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        optim=optimizer,
        gradient_checkpointing=config.gradient_checkpointing,
        seed=config.seed,
        data_seed=config.seed,
        # Rows of like length share a batch: less padding, and on a CPU padding costs as much as text.
        train_sampling_strategy="group_by_length",
        dataset_kwargs={"skip_prepare_dataset": True},  # the rows are tokens already
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        bf16=cuda,
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        dataloader_num_workers=0,
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="tensorboard" if job.logs else "none",
        save_strategy="steps" if config.checkpoint_steps else "no",
        save_steps=config.checkpoint_steps or 1,
        save_total_limit=2,
    )
