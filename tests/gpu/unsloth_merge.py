# ruff: noqa: I001  # Unsloth wants to be imported first
"""Unsloth's own merge beside ours: unsloth_merge.py ADAPTER OURS OUT. What is lost, what differs?

Unsloth merges only what its own loader put together, so it gets the adapter's folder, which names its base.
Not yet run on a GPU in this form: an adapter attached by PEFT was refused there.
"""

import json
import sys
import time
from pathlib import Path

import unsloth
import torch
from safetensors.torch import load_file

adapter, ours, out = sys.argv[1:]
model, tokenizer = unsloth.FastModel.from_pretrained(
    adapter, max_seq_length=2048, dtype=torch.bfloat16, load_in_4bit=True, use_exact_model_name=True
)
began = time.monotonic()
model.save_pretrained_merged(out, tokenizer, save_method="merged_16bit")
seconds = time.monotonic() - began


def tensors(folder: str) -> dict[str, torch.Tensor]:
    """Read every shard."""
    return {
        name: value
        for file in sorted(Path(folder).glob("*.safetensors"))
        for name, value in load_file(file).items()
    }


left, right = tensors(ours), tensors(out)
common = sorted(set(left) & set(right))
differing = [name for name in common if not torch.equal(left[name], right[name])]
worst = max((float((left[n].float() - right[n].float()).abs().max()) for n in differing), default=0.0)
print(
    json.dumps(
        {
            "seconds": seconds,
            "ours": len(left),
            "unsloth": len(right),
            "lost": sorted(set(left) - set(right)),
            "differing": len(differing),
            "worst": worst,
            "names": differing[:5],
        }
    )
)
