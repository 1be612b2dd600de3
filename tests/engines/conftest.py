"""A tiny random Gemma-3-shaped model, made once per session, at several levels."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import pytest

from quant_triage.harness._records import Request

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD, FEED = 256, 3, 4, 1, 64, 512
TEXT = (
    "press hard on the wound and call an ambulance now do not move them keep cool running water for "
    "twenty minutes lean forward pinch nose breathe check airway stay with person arm leg burn blood "
    "stop help please what should I my friend is bleeding fast from a deep cut in his"
)
CONTROLS = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def vocabulary(spare: int = 0) -> tuple[list[bytes], list[float], list[int]]:
    normal, control, byte = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, gguf.TokenType.BYTE
    texts = [text.encode() for text in CONTROLS]
    types = [control] * len(texts)
    texts += [f"<0x{value:02X}>".encode() for value in range(256)]
    types += [byte] * 256
    pieces = dict.fromkeys(
        [*(f"▁{word}" for word in TEXT.split()), *TEXT.split(), "▁", "é", *"abcdefghijklmnopqrstuvwxyz"]
    )
    texts += [piece.encode() for piece in pieces]
    types += [normal] * len(pieces)
    for _ in range(-len(texts) % 32 + spare):
        texts.append(f"<unused{len(texts)}>".encode())
        types.append(control)
    return texts, [-float(index) for index in range(len(texts))], types


def write_model(
    path: Path,
    *,
    template: str | None = TEMPLATE,
    seed: int = 7,
    poison: bool = False,
    without: str | None = None,
    context: int = 1024,
    spare: int = 0,
) -> Path:
    """Write a random model whose end-of-turn token is likely now and then, and ``spare`` unused tokens."""
    texts, scores, types = vocabulary(spare)
    generator = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return generator.normal(0, shape[-1] ** -0.5, shape).astype(np.float16)

    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_type("model")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_sliding_window(64)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_eot_token_id(5)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    if template is not None:
        writer.add_chat_template(template)
    embedding = generator.normal(0, WIDTH**-0.5, (len(texts), WIDTH)).astype(np.float16)
    output = weights(len(texts), WIDTH)  # not tied: a tied random model only repeats its last token
    output[5] *= 1.5
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.full(WIDTH, np.nan if poison else 1.0, dtype=np.float32))
    for layer in range(LAYERS):
        shapes = {
            "attn_q": (HEADS * HEAD, WIDTH),
            "attn_k": (KV_HEADS * HEAD, WIDTH),
            "attn_v": (KV_HEADS * HEAD, WIDTH),
            "attn_output": (WIDTH, HEADS * HEAD),
            "ffn_gate": (FEED, WIDTH),
            "ffn_up": (FEED, WIDTH),
            "ffn_down": (WIDTH, FEED),
        }
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", weights(*shape))
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, dtype=np.float32))
        for name in ("attn_q_norm", "attn_k_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(HEAD, dtype=np.float32))
    if without is not None:
        del writer.tensors[0][without]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def quantize(source: Path, target: Path, file_type: int) -> Path:
    """Quantize with llama.cpp, quietly."""
    quiet = llama_cpp.llama_log_callback(lambda _level, _text, _data: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = file_type, 1
    assert (
        llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) == 0
    )
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(0), ctypes.c_void_p(0))
    return target


def write_levels(folder: Path) -> Path:
    """Write F16, Q4_K_M and Q2_K of one tiny model into a folder."""
    reference = write_model(folder / "tiny-F16.gguf")
    quantize(reference, folder / "tiny-Q4_K_M.gguf", gguf.LlamaFileType.MOSTLY_Q4_K_M)
    quantize(reference, folder / "tiny-Q2_K.gguf", gguf.LlamaFileType.MOSTLY_Q2_K)
    return folder


def make_requests(count: int, key: Callable[[str, int], str] | None = None) -> list[Request]:
    """Questions of different lengths; without ``key``, each one's number is its key."""
    asked = [f"what should I do {'my friend is bleeding ' * (number % 5)}{number}" for number in range(count)]
    return [
        Request(
            key=key(prompt, 0) if key else str(number),
            prompt_id=f"q-{number}",
            scenario="severe_bleeding",
            sample=0,
            prompt=prompt,
        )
        for number, prompt in enumerate(asked)
    ]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with F16, Q4_K_M and Q2_K of one tiny model."""
    return write_levels(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def tiny(models: Path) -> Path:
    return models / "tiny-F16.gguf"


@pytest.fixture(scope="session")
def build_model() -> Callable[..., Path]:
    return write_model


@pytest.fixture(scope="session")
def questions() -> Callable[..., list[Request]]:
    return make_requests
