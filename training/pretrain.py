r"""Train the bundled base, a tiny Gemma 3, on the generated corpus: with dropout, then without.

    python -m quant_triage.training.pretrain --seed 1 --out first
    python -m quant_triage.training.pretrain --seed 1 --start first --out data/base \
        --steps 3000 --lr 2e-3 --decay 0.9 --dropout 0 --residual-dropout 0

Dropout teaches it to tell emergencies apart, and makes it so sturdy that no quantization breaks it; the
second training lets it fit closely again (docs/experiments.md, rounds 6 to 8). On one NVIDIA H200 the first
takes seven minutes and the second six, two seeds side by side. Everything happens in the order in which it
is written below: train the tokenizer, make the corpus on all cores, train, measure, save. A smoke run for a
laptop:

    python -m quant_triage.training.pretrain --device cpu --steps 30 --docs 2400 --batch 8 --workers 2
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GenerationConfig

from ._asking import Part
from ._corpus import SHARDS
from ._knowledge import load_scenarios, split
from ._packing import make_rows, texts_for_tokenizer
from ._recognition import recognises
from ._tokenizer import Encoder, save_tokenizer, train_sentencepiece

MAX_BYTES = 16_000_000  # weights and tokenizer files together


@dataclass(frozen=True)
class Settings:
    """Every knob, with the values of the bundled base."""

    seed: int = 1
    steps: int = 6500
    out: str = "data/base"
    start: str = ""  # a base to go on from, its tokenizer and shape with it; empty: from scratch
    layers: int = 8
    hidden: int = 256
    ff: int = 768
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    vocab: int = 2048
    docs: int = 1_500_000
    row: int = 512
    batch: int = 128
    lr: float = 3e-3
    warmup: int = 100
    decay: float = 0.6  # share of the steps in which the rate falls to zero
    weight_decay: float = 0.1
    dropout: float = 0.1  # of attention, while training
    residual_dropout: float = 0.1  # of what each block adds to the residual stream, while training
    decision: int = 10  # first tokens of each reply, in which it shows what the question was taken for ...
    decision_weight: float = 5.0  # ... and how much more they count in the loss
    device: str = "cuda"
    compile: bool = True
    workers: int = 16


def log(line: str) -> None:
    """One line on standard error, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def read_settings(argv: list[str] | None = None) -> Settings:
    """Settings from the command line; prints each value and where it came from."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for field in fields(Settings):
        if isinstance(field.default, bool):
            parser.add_argument(
                f"--{field.name.replace('_', '-')}", action=argparse.BooleanOptionalAction, default=None
            )
        else:
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=None)
    given = {name: value for name, value in vars(parser.parse_args(argv)).items() if value is not None}
    settings = Settings(**given)
    for name, value in asdict(settings).items():
        log(f"  {name:12} = {value!r:14} {'command line' if name in given else 'default'}")
    return settings


def build_model(s: Settings) -> Any:
    """A new Gemma 3 text model; every sixth layer sees the whole context, as in Gemma."""
    config = Gemma3TextConfig(
        vocab_size=s.vocab,
        hidden_size=s.hidden,
        intermediate_size=s.ff,
        num_hidden_layers=s.layers,
        num_attention_heads=s.heads,
        num_key_value_heads=s.kv_heads,
        head_dim=s.head_dim,
        query_pre_attn_scalar=s.head_dim,
        max_position_embeddings=2048,
        sliding_window=512,
        pad_token_id=0,
        eos_token_id=[1, 6],
        bos_token_id=2,
        tie_word_embeddings=True,
        attention_dropout=s.dropout,
        attn_implementation="sdpa",
    )
    return Gemma3ForCausalLM(config)


def _shape(config: Any) -> str:
    heads = f"{config.num_attention_heads} heads on {config.num_key_value_heads}"
    sizes = f"hidden {config.hidden_size}, feed-forward {config.intermediate_size}"
    return f"{config.num_hidden_layers} layers, {sizes}, {heads}"


def trained_before(s: Settings) -> list[dict[str, Any]]:
    """Settings and facts of each training that this one goes on from, the first one first."""
    if not s.start:
        return []
    record: dict[str, Any] = json.loads((Path(s.start) / "pretrain.json").read_text(encoding="utf-8"))
    return [*record["facts"].pop("before", []), record]


def start_model(s: Settings) -> Any:
    """The model before the first step: new, or the base that training goes on from."""
    if not s.start:
        return build_model(s)
    return Gemma3ForCausalLM.from_pretrained(s.start, dtype=torch.float32, attention_dropout=s.dropout)


def drop_residuals(model: Any, share: float) -> None:
    """Dropout on what attention and feed-forward add to the residual stream, and on the embeddings.

    Gemma 3 in Transformers has it for attention weights alone.
    """

    def dropped(module: torch.nn.Module, _: Any, out: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(out, share, module.training)

    model.model.embed_tokens.register_forward_hook(dropped)
    for layer in model.model.layers:
        layer.post_attention_layernorm.register_forward_hook(dropped)
        layer.post_feedforward_layernorm.register_forward_hook(dropped)


def rate(s: Settings, step: int) -> float:
    """Warm up, hold, then fall along a cosine to zero."""
    start = int(s.steps * (1 - s.decay))
    if step < s.warmup:
        return s.lr * (step + 1) / s.warmup
    if step < start:
        return s.lr
    return s.lr * 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, s.steps - start)))


def weights(ids: torch.Tensor, header: Sequence[int], s: Settings) -> torch.Tensor:
    """How much each target, ``ids[:, 1:]``, counts in the loss: the first tokens of every reply count more.

    Args:
        ids: Token ids, rows x tokens.
        header: The tokens that open a reply.
        s: Settings.
    """
    opens = torch.ones_like(ids, dtype=torch.bool)
    for i, token in enumerate(header):
        opens &= torch.roll(ids, -i, dims=1) == token
    opens[:, -len(header) :] = False
    first = torch.zeros_like(opens)
    for i in range(len(header), len(header) + s.decision):
        first[:, i:] |= opens[:, : opens.shape[1] - i]
    return 1.0 + (s.decision_weight - 1.0) * first[:, 1:].float()


@torch.no_grad()
def validation_loss(model: Any, rows: torch.Tensor, s: Settings) -> float:
    """Mean loss a token on documents about situations that were never trained on."""
    losses = []
    for batch in torch.split(rows, s.batch):
        ids = batch.to(s.device).long()
        with torch.autocast(s.device, dtype=torch.bfloat16):
            logits = model(input_ids=ids[:, :-1]).logits
        losses.append(
            torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten()).item()
        )
    return sum(losses) / len(losses)


def _told(settings: dict[str, Any], facts: dict[str, Any]) -> str:
    """One training in a line."""
    dropout = f"dropout {settings['dropout']} of attention, {settings['residual_dropout']} of residuals"
    return f"{settings['steps']} steps of {settings['batch']} rows, {dropout}, {facts['hardware']}"


def card(s: Settings, facts: dict[str, Any]) -> str:
    """The model card."""
    rows = {
        "architecture": f"`Gemma3ForCausalLM`, {facts['shape']}",
        "parameters": f"{facts['parameters']:,} (bf16, embeddings tied)",
        "size": f"{facts['bytes']:,} bytes, weights and tokenizer files together",
        "tokenizer": f"SentencePiece BPE, {facts['pieces']} pieces, byte fallback, Gemma's control tokens",
        "data": f"{s.docs:,} documents made by `training/_corpus.py` from `training/corpus/`",
        "seed": str(s.seed),
        "training": f"{_told(asdict(s), facts)}; {facts['tokens']:,} tokens in rows of {s.row}, AdamW",
        "loss": f"{facts['train_loss']:.4f} at the end, {facts['validation_loss']:.4f} on held-out documents",
        "recognises": f"what {facts['recognised']:.1%} of held-out messages are about",
        "time": f"{facts['seconds']:.0f} s",
        "sampler": "temperature 0.5, top-k 40, top-p 0.9 (evaluation is greedy unless told otherwise)",
    }
    if before := facts["before"]:
        rows["before that"] = "; ".join(_told(one["settings"], one["facts"]) for one in before)
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""# Quant Triage base: a tiny Gemma 3 for demonstrations

**It must never advise a person.** It exists so that `make demo` and the tests can fine-tune, quantize and
judge a real model without a download. It answers emergencies vaguely; fine-tuning on
`data/emergency_dataset.jsonl` changes that, and still it confuses emergencies that no person would confuse.

| | |
| --- | --- |
{table}

Made with `python -m quant_triage.training.pretrain`; `pretrain.json` holds all settings{
        ", also those of the training that it went on from" if before else ""
    }. The situations of the fine-tuning data are held back from the corpus.
"""


def _told_settings(s: Settings) -> dict[str, Any]:
    """All settings, folders by their name alone: what is published tells no private path."""
    return asdict(s) | {"out": Path(s.out).name, "start": Path(s.start).name}


def save(model: Any, tokenizer: bytes, s: Settings, facts: dict[str, Any]) -> None:
    """Write weights in bf16, tokenizer, generation settings, all settings and the card."""
    out = Path(s.out)
    save_tokenizer(tokenizer, out)
    model.to(torch.bfloat16)
    model.config.dtype = "bfloat16"
    model.config.attention_dropout = 0.0
    model.generation_config = GenerationConfig(
        bos_token_id=2,
        eos_token_id=[1, 6],
        pad_token_id=0,
        do_sample=True,
        temperature=0.5,
        top_k=40,
        top_p=0.9,
    )
    model.save_pretrained(out)
    weighed = {".safetensors", ".model", ".json", ".jinja"}
    facts["bytes"] = sum(file.stat().st_size for file in out.iterdir() if file.suffix in weighed)
    if facts["bytes"] > MAX_BYTES:
        raise SystemExit(f"{out}: {facts['bytes']:,} bytes exceed {MAX_BYTES:,}")
    (out / "pretrain.json").write_text(
        json.dumps({"settings": _told_settings(s), "facts": facts}, indent=2) + "\n", encoding="utf-8"
    )
    (out / "README.md").write_text(card(s, facts), encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Corpus, tokenizer, rows, training, saving."""
    begun = time.monotonic()
    s = read_settings(argv)
    torch.manual_seed(s.seed)
    torch.set_float32_matmul_precision("high")

    if s.start:
        tokenizer = (Path(s.start) / "tokenizer.model").read_bytes()
    else:
        tokenizer = train_sentencepiece(texts_for_tokenizer(s.seed, min(s.docs, 20_000)), s.vocab)
    jobs: list[tuple[bytes, int, int, int, int, Part]] = [
        (tokenizer, s.seed, shard, s.docs // SHARDS, s.row, "pretrain") for shard in range(SHARDS)
    ]
    # Not "fork": a fork of a process with threads (a notebook's, a test run's) may wait for ever.
    context = get_context("forkserver")
    context.set_forkserver_preload(["quant_triage.training.pretrain"])
    with context.Pool(s.workers) as pool:
        rows = torch.from_numpy(np.concatenate(pool.map(make_rows, jobs)))
    held = torch.from_numpy(make_rows((tokenizer, s.seed, 0, 1200, s.row, "held_out")))
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(s.seed))]
    log(f"corpus: {len(rows):,} rows, {len(held)} held-out rows, {time.monotonic() - begun:.0f} s")

    model: Any = start_model(s).to(device=s.device)
    if s.residual_dropout:
        drop_residuals(model, s.residual_dropout)
    parameters = sum(p.numel() for p in model.parameters())
    log(f"model: {parameters:,} parameters")
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": s.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=s.lr,
        betas=(0.9, 0.95),
        fused=s.device == "cuda",
    )
    forward: Any = torch.compile(model) if s.compile and s.device == "cuda" else model
    encoder = Encoder(tokenizer)
    rows = rows.to(s.device)
    batch, smooth = min(s.batch, len(rows)), 0.0
    per_pass = len(rows) // batch
    for step in range(s.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(s, step)
        at = (step % per_pass) * batch
        ids = rows[at : at + batch].long()
        with torch.autocast(s.device, dtype=torch.bfloat16):
            logits = forward(input_ids=ids[:, :-1], use_cache=False).logits
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
            )
        counts = weights(ids, encoder.opens_reply, s).flatten()
        loss = (losses * counts).sum() / counts.sum()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 0 or step == s.steps - 1:
            smooth = loss.item()
            log(f"step {step:5} loss {smooth:.4f} rate {rate(s, step):.5f} {time.monotonic() - begun:.0f} s")
    model.eval()
    held_out = [(known, message) for known in load_scenarios() for message in split(known).messages.held_out]
    facts = {
        "shape": _shape(model.config),
        "parameters": parameters,
        "pieces": model.config.vocab_size,
        "tokens": s.steps * batch * s.row,
        "train_loss": smooth,
        "validation_loss": validation_loss(model, held, s),
        "recognised": sum(recognises(model, encoder, *asked) for asked in held_out) / len(held_out),
        "seconds": time.monotonic() - begun,
        "hardware": torch.cuda.get_device_name() if s.device == "cuda" else "CPU",
        "torch": torch.__version__,
        "before": trained_before(s),
    }
    save(model, tokenizer, s, facts)
    log(f"{s.out}: {facts}")


if __name__ == "__main__":
    main()
