"""The Unsloth backend: CUDA only, the seed's own path. Its import patches Transformers, so it comes first."""

# ruff: noqa: I001  # Unsloth reads the environment as it is imported, and patches what comes after it
import os
import tempfile

os.environ |= {
    "UNSLOTH_DISABLE_STATISTICS": "1",  # no telemetry
    "TORCH_COMPILE_DISABLE": "1",  # minutes of compilation for a run of minutes
    "UNSLOTH_COMPILE_LOCATION": os.path.join(tempfile.gettempdir(), f"unsloth-{os.getuid()}"),  # noqa: PTH118
}
import unsloth

import torch
from transformers import AutoTokenizer

from ._adapter import Trained, TrainJob
from ._encode import encode_rows
from ._sft import fit, prepare


def train(job: TrainJob) -> Trained:
    """Train on the job's rows through `unsloth.FastModel` and write adapter and tokenizer into its folder.

    Raises:
        UsageError: A row does not fit the base's template or length, or the loss became NaN.
    """
    prepare()
    config = job.config
    tokenizer = AutoTokenizer.from_pretrained(job.base)  # Unsloth's own may come with another template
    encoded = encode_rows(job.rows, tokenizer, config.max_length)
    model, _ = unsloth.FastModel.from_pretrained(
        model_name=str(job.base),
        max_seq_length=config.max_length,
        dtype=torch.bfloat16,
        load_in_4bit=config.load_in_4bit,
        load_in_16bit=not config.load_in_4bit,
        use_exact_model_name=True,  # never another repository's quantized copy
        random_state=config.seed,
        use_gradient_checkpointing=_checkpointing(job),
    )
    model = unsloth.FastModel.get_peft_model(
        model,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.target_modules),
        finetune_vision_layers=False,
        finetune_language_layers=True,
        finetune_attention_modules=True,
        finetune_mlp_modules=True,
        bias="none",
        random_state=config.seed,
        use_gradient_checkpointing=_checkpointing(job),
    )
    return fit(job, model, tokenizer, encoded)


def _checkpointing(job: TrainJob) -> str | bool:
    return "unsloth" if job.config.gradient_checkpointing else False
