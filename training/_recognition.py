"""Does a base know which emergency a message is about?

Fine-tuning uses the answer: a model that is taught a confident reply to a message which it takes for
another emergency is taught to guess. Such messages get the answer to unclear ones instead, a form of
refusal-aware tuning (Zhang et al., R-Tuning, NAACL 2024). After a new base, list them anew:

    python -m quant_triage.training._recognition data/base
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import Gemma3ForCausalLM

from ._knowledge import UNSURE, Scenario, load_scenarios, split
from ._tokenizer import Encoder


@torch.no_grad()
def recognises(model: Any, encoder: Encoder, scenario: Scenario, message: str) -> bool:
    """Whether the model's likeliest answer to "What is this about?" is the scenario's first name."""
    prompt = encoder.ask(f"What is this about? {message}")
    answer = encoder.text(f"This is about {scenario.names[0]}.")[1:-1]
    ids = torch.tensor([prompt + answer[:-1]], device=model.device)
    said = model(input_ids=ids).logits.argmax(-1)[0, len(prompt) - 1 :]
    return bool(said.tolist() == answer)


def main(base: Path) -> None:
    """Write the messages, reserved for fine-tuning, that the base takes for another emergency."""
    model: Any = Gemma3ForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    encoder = Encoder((base / "tokenizer.model").read_bytes())
    asked = [(s, message) for s in load_scenarios() for message in split(s).messages.finetune]
    unsure = [message for s, message in asked if not recognises(model, encoder, s, message)]
    UNSURE.write_text("".join(f"{message}\n" for message in unsure), encoding="utf-8")
    sys.stdout.write(f"{UNSURE}: {len(unsure)} of {len(asked)} messages\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
