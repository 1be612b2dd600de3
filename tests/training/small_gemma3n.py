"""A Gemma 3n of the true architecture and small sizes: no weights can be had offline, the code is the same.

llama.cpp hard-codes AltUp 4, Laurel rank 64, per-layer width 256, key and value sharing from layer 20,
sparsity 0.95 on the first ten layers and a soft cap of 30; the sizes keep to that. 27 million parameters.

    python tests/training/small_gemma3n.py OUT --data data/emergency_dataset.jsonl --steps 600

``--steps`` trains all weights on the data, because only trained weights let a merge be judged: random ones
are chaotic under this sparsity. On an H100 that takes a minute or two; without it the weights are random.
"""

import argparse
import json
import runpy
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma3nForCausalLM, Gemma3nTextConfig, GemmaTokenizer, GenerationConfig

LAYERS, SHARED = 30, 10
SHARD_BYTES = 15_000_000
BATCH = 32


def small_config(tokenizer: GemmaTokenizer) -> Gemma3nTextConfig:
    """The smallest text model that llama.cpp and Transformers compute alike."""
    return Gemma3nTextConfig(
        vocab_size=len(tokenizer),
        vocab_size_per_layer_input=len(tokenizer),
        hidden_size=256,
        hidden_size_per_layer_input=256,
        intermediate_size=256,
        num_hidden_layers=LAYERS,
        num_kv_shared_layers=SHARED,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=128,
        max_position_embeddings=2048,
        sliding_window=512,
        laurel_rank=64,
        altup_num_inputs=4,
        activation_sparsity_pattern=[0.95] * 10 + [0.0] * (LAYERS - 10),
        final_logit_softcapping=30.0,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )


def make_small_gemma3n(
    out: Path, data: Path, *, vocab_size: int = 1024, steps: int = 0, seconds: float = 110, seed: int = 0
) -> None:
    """Write the checkpoint into ``out``, trained on ``data`` (JSONL of instructions).

    Training ends after ``steps``, or ``seconds`` if they are over first.
    """
    out.mkdir(parents=True)
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    tools = runpy.run_path(str(Path(__file__).with_name("tiny_base.py")))
    texts = [line for row in rows for key in ("instruction", "output") for line in row[key].split("\n")]
    tokenizer = tools["write_tokenizer"](out, texts, vocab_size)
    torch.manual_seed(seed)
    model = Gemma3nForCausalLM(small_config(tokenizer))
    for table in (model.model.embed_tokens, model.model.embed_tokens_per_layer):
        # A padding row of zeros has no spread, and the sparsity's gradient divides by it.
        torch.nn.init.normal_(table.weight.data[0], std=0.02)
    if steps:
        _train(model, tokenizer, rows, steps, seconds)
    end_of_turn = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    model.generation_config = GenerationConfig(bos_token_id=2, eos_token_id=[1, end_of_turn], pad_token_id=0)
    model.to(torch.bfloat16).save_pretrained(out, max_shard_size=SHARD_BYTES)
    _add_shared(out)


def _train(
    model: Gemma3nForCausalLM, tokenizer: GemmaTokenizer, rows: list[dict[str, str]], steps: int, limit: float
) -> None:
    """Train every weight on whole conversations; the rate falls with steps or time."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chats = [
        tokenizer.apply_chat_template(
            [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": row["output"]},
            ],
            tokenize=True,
            return_dict=False,
        )
        for row in rows
    ]
    torch.backends.cuda.enable_cudnn_sdp(False)  # as training/_sft.py says
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, betas=(0.9, 0.95))
    chance = torch.Generator().manual_seed(0)
    began = time.monotonic()
    for step in range(steps):
        spent = max(step / steps, (time.monotonic() - began) / limit)
        if spent >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 30) * (1 - spent)
        picked = [chats[i] for i in torch.randint(len(chats), (BATCH,), generator=chance)]
        width = max(map(len, picked))
        ids = torch.tensor([chat + [0] * (width - len(chat)) for chat in picked], device=device)
        mask = (ids != 0).long()
        with torch.autocast(device, torch.bfloat16):
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            seconds = time.monotonic() - began
            print(f"step {step}: loss {loss.item():.3f}, {seconds:.0f} s", file=sys.stderr, flush=True)
    model.eval().cpu()


def _add_shared(out: Path) -> None:
    """Add what Transformers 5 leaves out and published checkpoints have: unused, but llama.cpp wants it."""
    files = sorted(out.glob("*.safetensors"))
    tensors = load_file(files[-1])
    added = {}
    for layer in range(LAYERS - SHARED, LAYERS):
        name = f"model.layers.{layer}.self_attn."
        for part in ("k_proj", "v_proj"):
            added[f"{name}{part}.weight"] = torch.zeros(128, 256, dtype=torch.bfloat16)
        added[f"{name}k_norm.weight"] = torch.zeros(128, dtype=torch.bfloat16)
    save_file(tensors | added, files[-1], metadata={"format": "pt"})
    index = out / "model.safetensors.index.json"
    if index.exists():
        listed = json.loads(index.read_text())
        listed["weight_map"] |= dict.fromkeys(added, files[-1].name)
        listed["metadata"]["total_size"] += sum(value.nbytes for value in added.values())
        index.write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=110)
    parser.add_argument("--seed", type=int, default=0)
    named = parser.parse_args()
    make_small_gemma3n(
        named.out,
        named.data,
        vocab_size=named.vocab,
        steps=named.steps,
        seconds=named.seconds,
        seed=named.seed,
    )
