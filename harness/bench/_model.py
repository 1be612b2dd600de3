"""A model to measure engines with: Gemma 3's architecture and vocabulary size, random weights.

Speed does not depend on what the weights say, only on their shapes and types, so no download is needed.
"""

from collections.abc import Iterable
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from quant_triage.data import BASE_DIR, Record, atomic_path

_CONTROLS = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
_EOS, _BOS, _UNKNOWN, _END_OF_TURN = 1, 2, 3, 5
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


class Shape(Record):
    """Sizes of a Gemma 3; every row is divisible by 256, so that a K type is that type throughout."""

    width: int = 1024
    layers: int = 6
    feed: int = 4096
    heads: int = 4
    kv_heads: int = 1
    head: int = 256
    vocabulary: int = 262_144
    window: int = 512

    @property
    def layer_tensors(self) -> dict[str, tuple[int, int]]:
        """Shapes of one layer's matrices, rows first."""
        return {
            "attn_q": (self.heads * self.head, self.width),
            "attn_k": (self.kv_heads * self.head, self.width),
            "attn_v": (self.kv_heads * self.head, self.width),
            "attn_output": (self.width, self.heads * self.head),
            "ffn_gate": (self.feed, self.width),
            "ffn_up": (self.feed, self.width),
            "ffn_down": (self.width, self.feed),
        }

    @property
    def parameters(self) -> int:
        """Weights of all matrices; the embedding is tied to the output and counts once."""
        layer = sum(rows * columns for rows, columns in self.layer_tensors.values())
        return self.vocabulary * self.width + self.layers * layer


def _vocabulary(words: Iterable[str], size: int) -> tuple[list[bytes], list[float], list[int]]:
    """Tokens, scores and types: bytes, words with all their beginnings (so that they merge), unused."""
    normal, control, byte = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, gguf.TokenType.BYTE
    pieces: dict[str, None] = {}
    for word in words:
        for end in range(1, len(word) + 1):
            pieces[_SPACE + word[:end]] = None
            pieces[word[:end]] = None
    texts = [*_CONTROLS, *(f"<0x{value:02X}>" for value in range(256)), _SPACE, *pieces][:size]
    kinds = [control] * len(_CONTROLS) + [byte] * 256
    kinds += [normal] * (len(texts) - len(kinds))
    texts += [f"<unused{number}>" for number in range(size - len(texts))]
    kinds += [normal] * (size - len(kinds))
    return [text.encode() for text in texts], [-float(number) for number in range(size)], list(kinds)


def write_model(path: Path, shape: Shape, words: Iterable[str], *, seed: int = 0) -> None:
    """Write an F16 GGUF that never ends a reply by itself, so that every engine decodes equally much.

    Args:
        path: The file.
        shape: Its sizes.
        words: What its vocabulary knows; anything else becomes bytes.
        seed: Of the random weights.

    Raises:
        NotEnoughSpaceError: The disk is full.
    """
    random = np.random.default_rng(seed)

    def weights(rows: int, columns: int) -> NDArray[np.float16]:
        values = random.standard_normal((rows, columns), dtype=np.float32)
        halves: NDArray[np.float16] = (values * columns**-0.5).astype(np.float16)
        return halves

    with atomic_path(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "gemma3")
        _describe(writer, shape, words)
        embedding = weights(shape.vocabulary, shape.width)
        embedding[[_EOS, _END_OF_TURN]] = 0  # their logit is 0, below the largest of the others
        writer.add_tensor("token_embd.weight", embedding)
        writer.add_tensor("output_norm.weight", np.ones(shape.width, dtype=np.float32))
        for layer in range(shape.layers):
            for name, (rows, columns) in shape.layer_tensors.items():
                writer.add_tensor(f"blk.{layer}.{name}.weight", weights(rows, columns))
            for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
                writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(shape.width, dtype=np.float32))
            for name in ("attn_q_norm", "attn_k_norm"):
                writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(shape.head, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _describe(writer: gguf.GGUFWriter, shape: Shape, words: Iterable[str]) -> None:
    writer.add_type("model")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(32_768)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(shape.window)
    texts, scores, kinds = _vocabulary(words, shape.vocabulary)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(_BOS)
    writer.add_eos_token_id(_EOS)
    writer.add_eot_token_id(_END_OF_TURN)
    writer.add_unk_token_id(_UNKNOWN)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template((BASE_DIR / "chat_template.jinja").read_text(encoding="utf-8"))
