"""Does the merged checkpoint say what base and adapter say? parity.py BASE ADAPTER MERGED DATA.

In float32 on every reply token of the data: top-1 agreement (asked for: 99.5 %), KL(adapter || merged)
(1e-3), and the mean loss of base, adapter and merged.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base, adapter, merged, data = sys.argv[1:]
device = "cuda" if torch.cuda.is_available() else "cpu"
tokenizer = AutoTokenizer.from_pretrained(base)


def load(path: str) -> torch.nn.Module:
    """Load a checkpoint in float32, so that only the merge's own rounding is seen."""
    model: torch.nn.Module = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return model.to(device).eval()


plain = load(base)
tuned = PeftModel.from_pretrained(load(base), adapter).eval()
whole = load(merged)
same = tokens = 0
kl = torch.zeros((), dtype=torch.float64)
losses = dict.fromkeys(("base", "adapter", "merged"), 0.0)
for line in Path(data).read_text(encoding="utf-8").splitlines():
    row = json.loads(line)
    question = [{"role": "user", "content": row["instruction"]}]
    answer = [*question, {"role": "assistant", "content": row["output"]}]
    start = len(
        tokenizer.apply_chat_template(question, tokenize=True, add_generation_prompt=True, return_dict=False)
    )
    ids = torch.tensor(
        [tokenizer.apply_chat_template(answer, tokenize=True, return_dict=False)], device=device
    )
    with torch.inference_mode():
        logs = {
            name: model(input_ids=ids, use_cache=False).logits[0, start - 1 : -1].double().log_softmax(-1)
            for name, model in (("base", plain), ("adapter", tuned), ("merged", whole))
        }
    targets = ids[0, start:]
    tokens += len(targets)
    for name, log in logs.items():
        losses[name] -= float(log.gather(1, targets[:, None]).sum())
    same += int((logs["adapter"].argmax(-1) == logs["merged"].argmax(-1)).sum())
    kl += (logs["adapter"].exp() * (logs["adapter"] - logs["merged"])).sum().cpu()
print(
    json.dumps(
        {
            "tokens": tokens,
            "top1": same / tokens,
            "kl_mean": float(kl) / tokens,
            "loss": {name: total / tokens for name, total in losses.items()},
            "device": device,
        }
    )
)
