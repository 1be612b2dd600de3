"""What a training would do, before it does it: steps, memory, and one example as the model will see it."""

import json
import math
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from quant_triage.data import FileFormatError, Record, UsageError

from ._base import WEIGHTS, resolve_base
from ._config import TrainConfig
from ._dataset import read_dataset
from ._encode import IGNORED, Encoded, encode_rows
from ._finetune import Backend, choose_backend
from ._libraries import load_torch, quiet_libraries, require_train_extra
from ._ranks import processes
from ._safetensors import TensorPlace, read_places

_OTHER_SENSES = re.compile(r"vision|audio")
_QUANTIZED = re.compile(r"layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight$")
_NF4_BYTES = 0.5 + 1 / 64
"""Bytes of a weight in NF4 with doubly quantized scales: 4.127 bits (arXiv 2305.14314, section 3)."""


class _Sizes(BaseModel):
    """What activations depend on, of a checkpoint's config.json."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int | list[int]
    vocab_size: int
    altup_num_inputs: int = 1


class MemoryEstimate(Record):
    """Bytes that training takes beside the libraries' own: weights, adapter with optimizer, activations."""

    weights: int
    adapter: int
    activations: int

    @property
    def total(self) -> int:
        """All three."""
        return self.weights + self.adapter + self.activations


class TrainPlan(Record):
    """What `finetune` would do with the same arguments.

    Attributes:
        longest: Tokens of the longest row.
        reply_tokens: Tokens that the loss counts, in one epoch.
        example_prompt: The first row as the model sees it, up to where the loss begins.
        example_reply: The rest, which the loss counts.
    """

    backend: str
    backend_reason: str
    rows: int
    tokens: int
    longest: int
    reply_tokens: int
    rows_a_step: int
    steps: int
    trainable_parameters: int
    memory: MemoryEstimate
    example_prompt: str
    example_reply: str


def plan_training(
    base: str | Path, data: Path, config: TrainConfig, *, backend: Backend = "auto"
) -> TrainPlan:
    """Read base and data as `finetune` does, and say what it would do.

    The parameters are those of every targeted matrix in the checkpoint; Transformers leaves out the keys and
    values that Gemma 3n's later layers share. Memory is an estimate: see `_memory`.

    Raises:
        UsageError: Bad data, base or backend; a row is too long for ``max_length``.
    """
    require_train_extra()
    rows = read_dataset(data)
    chosen, reason = choose_backend(backend)
    folder = resolve_base(base)
    load_torch()
    import torch  # noqa: PLC0415  # optional and slow
    from transformers import AutoTokenizer  # noqa: PLC0415

    with quiet_libraries():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        encoded = encode_rows(rows, tokenizer, config.max_length)
    tensors = {name: place for file in folder.glob(WEIGHTS) for name, place in read_places(file).items()}
    trainable = sum(config.r * sum(tensors[name].shape) for name in tensors if _targeted(name, config))
    longest = max(len(row.input_ids) for row in encoded)
    first = encoded[0]
    start = sum(label == IGNORED for label in first.labels)
    return TrainPlan(
        backend=chosen,
        backend_reason=reason,
        rows=len(rows),
        tokens=sum(len(row.input_ids) for row in encoded),
        longest=longest,
        reply_tokens=_reply_tokens(encoded),
        rows_a_step=config.batch_size * config.accumulation,
        steps=_steps(len(rows), config),
        trainable_parameters=trainable,
        memory=_memory(folder, tensors, trainable, longest, config, cuda=torch.cuda.is_available()),
        example_prompt=tokenizer.decode(first.input_ids[:start]),
        example_reply=tokenizer.decode(first.input_ids[start:]),
    )


def _reply_tokens(encoded: list[Encoded]) -> int:
    return sum(label != IGNORED for row in encoded for label in row.labels)


def _targeted(name: str, config: TrainConfig) -> bool:
    module = name.removesuffix(".weight").rpartition(".")[2]
    return module in config.target_modules and not _OTHER_SENSES.search(name)


def _steps(rows: int, config: TrainConfig) -> int:
    """Return how many times the weights will change, counted as `transformers.Trainer` counts."""
    if config.max_steps:
        return config.max_steps
    batches = math.ceil(math.ceil(rows / config.batch_size) / processes())
    an_epoch = max(1, math.ceil(batches / max(1, config.accumulation // processes())))
    return math.ceil(config.epochs * an_epoch)


def _memory(
    folder: Path,
    tensors: dict[str, TensorPlace],
    trainable: int,
    longest: int,
    config: TrainConfig,
    *,
    cuda: bool,
) -> MemoryEstimate:
    """Estimate the peak in bytes.

    Weights: 16 bits on CUDA (matrices of the layers in NF4 under ``load_in_4bit``), 32 on a CPU. Adapter:
    weight and gradient in 32 bits, and two moments in 8 (paged_adamw_8bit) or 32. Activations of one batch of
    the longest row: with checkpointing a hidden state a layer (four under AltUp) and one layer in full,
    without it every layer in full, about 16 hidden and 4 feed-forward values a token each; and logits thrice
    in 32 bits.
    """
    four_bits = cuda and config.load_in_4bit
    width = 2 if cuda else 4
    weights = sum(
        math.prod(place.shape) * (_NF4_BYTES if four_bits and _QUANTIZED.search(name) else width)
        for name, place in tensors.items()
    )
    sizes = _sizes(folder / "config.json")
    wide = sizes.intermediate_size
    forward = wide if isinstance(wide, int) else max(wide)
    tokens = config.batch_size * longest
    layer = tokens * (16 * sizes.hidden_size * sizes.altup_num_inputs + 4 * forward) * width
    kept = tokens * sizes.hidden_size * sizes.altup_num_inputs * width
    layers = sizes.num_hidden_layers
    activations = layers * kept + layer if config.gradient_checkpointing else layers * layer
    moments = 2 if cuda and config.optimizer == "auto" else 8
    return MemoryEstimate(
        weights=round(weights),
        adapter=trainable * (8 + moments),
        activations=activations + 3 * 4 * tokens * sizes.vocab_size,
    )


def _sizes(path: Path) -> _Sizes:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return _Sizes.model_validate(raw.get("text_config", raw))
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, AttributeError, ValidationError) as error:
        raise FileFormatError(path, "does not say how large the model is") from error
