"""A random model with the shapes of a Gemma 3n, to measure the quantizer with: no download is needed.

How long a row takes to quantize hardly depends on what it says; which type it gets depends on names and
shapes alone.
"""

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from quant_triage.data import Record, atomic_path


class Gemma3nShape(Record):
    """Sizes of a Gemma 3n; llama.cpp fixes the layers, the per-layer width, altup and laurel rank.

    The defaults keep the real model's proportions: two thirds of the weights lie in the embedding tables, and
    rows are divisible by 256.
    """

    width: int = 512
    feed: int = 1024
    heads: int = 8
    kv_heads: int = 2
    head: int = 64
    vocabulary: int = 21_504
    layers: int = 30
    layer_width: int = 256
    altup: int = 4
    laurel: int = 64

    @property
    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes, outermost dimension first, as NumPy has them."""
        yield "token_embd.weight", (self.vocabulary, self.width)
        yield "per_layer_token_embd.weight", (self.vocabulary, self.layer_width * self.layers)
        yield "per_layer_model_proj.weight", (self.layer_width * self.layers, self.width)
        yield "per_layer_proj_norm.weight", (self.layer_width,)
        yield "altup_proj.weight", (self.altup - 1, self.width, self.width)
        yield "altup_unembd_proj.weight", (self.altup - 1, self.width, self.width)
        yield "output_norm.weight", (self.width,)
        for layer in range(self.layers):
            for name, shape in self._layer().items():
                yield f"blk.{layer}.{name}.weight", shape

    def _layer(self) -> dict[str, tuple[int, ...]]:
        width, queries, keys = self.width, self.heads * self.head, self.kv_heads * self.head
        norms = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "post_norm")
        more = ("laurel_post_norm", "altup_router_norm", "altup_correct_scale")
        return {
            "attn_q": (queries, width),
            "attn_k": (keys, width),
            "attn_v": (keys, width),
            "attn_output": (width, queries),
            "attn_q_norm": (self.head,),
            "attn_k_norm": (self.head,),
            "ffn_gate": (self.feed, width),
            "ffn_up": (self.feed, width),
            "ffn_down": (width, self.feed),
            "inp_gate": (self.layer_width, width),
            "proj": (width, self.layer_width),
            "laurel_l": (self.laurel, width),
            "laurel_r": (width, self.laurel),
            "altup_router": (self.altup, width),
            "altup_predict_coef": (self.altup**2, self.altup),
            "altup_correct_coef": (self.altup, self.altup),
            **dict.fromkeys((*norms, *more), (width,)),
        }

    @property
    def parameters(self) -> int:
        """All weights."""
        return sum(int(np.prod(shape)) for _, shape in self.tensors)

    @property
    def table_share(self) -> float:
        """Share of the weights that lie in the two embedding tables."""
        return self.vocabulary * (self.width + self.layer_width * self.layers) / self.parameters


def write_shaped(path: Path, shape: Gemma3nShape, *, seed: int = 0) -> None:
    """Write a random F16 GGUF of this shape, which can be quantized and holds no vocabulary to speak with.

    Raises:
        NotEnoughSpaceError: The disk is full.
    """
    random = np.random.default_rng(seed)
    with atomic_path(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "gemma3n", use_temp_file=False)
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
        writer.add_sliding_window(512)
        writer.add_sliding_window_pattern([layer % 5 != 4 for layer in range(shape.layers)])
        for name, dimensions in shape.tensors:
            writer.add_tensor(name, _weights(random, dimensions))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _weights(
    random: np.random.Generator, shape: tuple[int, ...]
) -> NDArray[np.float16] | NDArray[np.float32]:
    values = random.standard_normal(shape, dtype=np.float32)
    if len(shape) == 1:
        return values
    values *= shape[-1] ** -0.5
    return values.astype(np.float16)
