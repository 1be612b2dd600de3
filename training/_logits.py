"""What a checkpoint computes, as Transformers runs it: the authority that a conversion is held against."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from quant_triage.data import Record, UsageError

from ._libraries import load_torch, quiet_libraries, require_train_extra

_LOGITS_BYTES = 512 << 20
"""Most bytes of logits that are written: tokens of a large vocabulary are many numbers each."""


class CheckpointLogits(Record):
    """One exchange as a checkpoint sees it.

    Attributes:
        text: The exchange in the checkpoint's own chat template.
        tokens: That text in the checkpoint's own tokens.
        first: The first token whose logits were kept: the last before the reply.
        logits: A NumPy file of float32, (tokens from ``first`` to the last but one, vocabulary).
    """

    text: str
    tokens: tuple[int, ...]
    first: int
    logits: str


def checkpoint_logits(
    checkpoint: Path, exchanges: Iterable[tuple[str, str]], folder: Path
) -> list[CheckpointLogits]:
    """Run exchanges through a checkpoint in float32, on the CPU, and keep the logits over their replies.

    Args:
        checkpoint: Folder of the checkpoint.
        exchanges: Questions and replies. As many are taken as fit into half a gigabyte of logits.
        folder: Where the logits go.

    Raises:
        UsageError: The training extra is missing, or the tokenizer has no chat template.
    """
    require_train_extra(("torch", "transformers"))
    load_torch()
    import torch  # noqa: PLC0415 - seconds that no other command should pay
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    made: list[CheckpointLogits] = []
    room = _LOGITS_BYTES
    with quiet_libraries():
        tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        if not tokenizer.chat_template:
            raise UsageError(f"the tokenizer of {str(checkpoint)!r} has no chat template")
        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
        for number, (prompt, reply) in enumerate(exchanges):
            question = [{"role": "user", "content": prompt}]
            whole = [*question, {"role": "assistant", "content": reply}]
            before = tokenizer.apply_chat_template(
                question, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            text = tokenizer.apply_chat_template(whole, tokenize=False)
            tokens = tokenizer.apply_chat_template(whole, tokenize=True, return_dict=False)
            first = len(before) - 1
            with torch.inference_mode():
                logits = model(torch.tensor([tokens])).logits[0, first:-1].float().numpy()
            room -= logits.nbytes
            if made and room < 0:
                break
            path = folder / f"{number}.npy"
            np.save(path, logits)
            made.append(CheckpointLogits(text=text, tokens=tuple(tokens), first=first, logits=str(path)))
    return made
