"""The PEFT backend: a CPU or a GPU. Imports torch, so nothing may import it lightly."""

import re

import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from ._adapter import Trained, TrainJob
from ._encode import encode_rows
from ._sft import fit, prepare

_TOWERS = r".*(vision|audio)_(tower|model).*"
"""Gemma 3n's other senses have modules of the same names; the seed trains the language model only."""

_ALTUP = ["correction_coefs", "prediction_coefs", "altup_projections", "altup_unembed_projections"]
_UNQUANTIZED = [
    "lm_head",
    "vision_tower",
    "audio_tower",
    "embed_vision",
    "embed_audio",
    # Gemma 3n clamps AltUp's coefficients in place as it trains, which packed 4-bit weights cannot do.
    *_ALTUP,
    *(f"{name}.{i}" for name in _ALTUP[2:] for i in range(3)),
]
"""Modules that stay in 16 bits: the ones that Unsloth keeps too, so that both train on the same base."""


def train(job: TrainJob) -> Trained:
    """Train on the job's rows and write adapter and tokenizer into its folder.

    Raises:
        UsageError: A row does not fit the base's template or length, or the loss became NaN.
    """
    prepare()
    config, cuda = job.config, torch.cuda.is_available()
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    encoded = encode_rows(job.rows, tokenizer, config.max_length)
    model = AutoModelForCausalLM.from_pretrained(
        job.base,
        dtype=torch.bfloat16 if cuda else torch.float32,
        quantization_config=_four_bits() if cuda and config.load_in_4bit else None,
    )
    towers = any(re.fullmatch(_TOWERS, name) for name, _ in model.named_modules())
    lora = LoraConfig(
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.target_modules),
        exclude_modules=_TOWERS if towers else None,
        bias="none",
        task_type="CAUSAL_LM",
    )
    return fit(job, model, tokenizer, encoded, lora)


def _four_bits() -> BitsAndBytesConfig:
    """Return QLoRA's NF4 with doubly quantized scales, computed in bfloat16 (arXiv 2305.14314)."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=_UNQUANTIZED,
    )
