"""What llama.cpp computes from our files, beside what Transformers computes from the checkpoint."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from quant_triage.quantize import parse_levels, quantize

pytestmark = pytest.mark.slow

Logits = npt.NDArray[np.float64]


@contextmanager
def engine(path: Path) -> Iterator[ctypes.c_void_p]:
    """A context of 512 tokens; the extra buffer types crash on some processors, so they are off."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    params.use_extra_bufts = False
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    assert model
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = 512
    settings.n_threads = settings.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model, settings)
    assert context
    try:
        yield context
    finally:
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)


def logits_of(context: ctypes.c_void_p, tokens: list[int], vocabulary: int) -> Logits:
    """Next-token logits after every token, decoded from position 0."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = token, i, 1, 0
        batch.logits[i] = 1
    assert llama_cpp.llama_decode(context, batch) == 0
    rows = [
        np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, i), (vocabulary,)).astype(np.float64)
        for i in range(len(tokens))
    ]
    llama_cpp.llama_batch_free(batch)
    return np.stack(rows)


def log_softmax(logits: Logits) -> Logits:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalized: Logits = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized


def test_the_f16_gguf_computes_what_the_merged_checkpoint_computes(
    merged: Path, f16: Path, replies: dict[str, str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(merged)
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32).eval()
    agreements, divergences = [], []
    with engine(f16) as context:
        for ask, reply in replies.items():
            question = [{"role": "user", "content": ask}]
            prompt = tokenizer.apply_chat_template(
                question, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            tokens = tokenizer.apply_chat_template(
                [*question, {"role": "assistant", "content": reply}], tokenize=True, return_dict=False
            )
            with torch.no_grad():
                expected = log_softmax(model(torch.tensor([tokens])).logits[0].double().numpy())
            found = log_softmax(logits_of(context, tokens, expected.shape[1]))
            divergences.append((np.exp(expected) * (expected - found)).sum(axis=1))
            # Only replies were trained: within a prompt the best two tokens may be closer than F16 can tell.
            learned = slice(len(prompt) - 1, None)
            agreements.append(expected[learned].argmax(axis=1) == found[learned].argmax(axis=1))
    assert np.concatenate(agreements).mean() >= 0.995
    assert np.concatenate(divergences).mean() <= 1e-3


@pytest.mark.parametrize("level", ["F16", "Q8_0", "Q4_K_M"])
def test_a_level_loads_and_says_what_the_model_learned(
    merged: Path, f16: Path, tmp_path: Path, replies: dict[str, str], level: str
) -> None:
    path = f16 if level == "F16" else tmp_path / quantize(f16, tmp_path, parse_levels(level))[0].file
    tokenizer = AutoTokenizer.from_pretrained(merged)
    end_of_turn = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    for ask, reply in replies.items():
        tokens = tokenizer.apply_chat_template(
            [{"role": "user", "content": ask}], add_generation_prompt=True, tokenize=True, return_dict=False
        )
        said: list[int] = []
        with engine(path) as context:
            while not said or (said[-1] != end_of_turn and len(said) < 60):
                said.append(int(logits_of(context, tokens + said, len(tokenizer))[-1].argmax()))
        assert tokenizer.decode(said) == f"{reply}<end_of_turn>"
