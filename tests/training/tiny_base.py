"""A tiny random Gemma 3 with a SentencePiece tokenizer, Gemma's control tokens and its chat template."""

import contextlib
import io
import warnings
from collections.abc import Iterable
from pathlib import Path

import sentencepiece
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GemmaTokenizer, GenerationConfig

SENTENCES = (
    "Press firmly on the wound with a clean cloth.",
    "Call an ambulance at once if the bleeding does not stop.",
    "My son cut his hand, what should I do?",
    "Cool the burn under cool running water for 20 minutes.",
    "Do not put butter on the burn, and do not pop the blisters.",
    "Lean forward and pinch the soft part of the nose for 10 minutes.",
    "How do I stop a nosebleed?",
    "What is the first aid for a burn?",
)
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + "
    "('model' if message['role'] == 'assistant' else message['role']) + '\n' + message['content'] | trim + "
    "'<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def write_tokenizer(out: Path, sentences: Iterable[str], vocab_size: int) -> GemmaTokenizer:
    """Train a SentencePiece model with Gemma's control tokens and write it with the chat template."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        vocab_size=vocab_size,
        model_type="bpe",
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        unk_piece="<unk>",
        control_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>"],
        user_defined_symbols=["\n"],
        byte_fallback=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
    )
    (out / "tokenizer.model").write_bytes(model.getvalue())
    tokenizer: GemmaTokenizer = GemmaTokenizer.from_pretrained(out, add_bos_token=True)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(out)
    return tokenizer


def make_tiny_base(out: Path, *, seed: int = 0, shard: str = "1GB") -> Path:
    """Write the checkpoint into ``out``; about 1.2 M parameters, every row a multiple of 256."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        out.mkdir(parents=True)
        tokenizer = write_tokenizer(out, SENTENCES * 4, 400)
        config = Gemma3TextConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            intermediate_size=512,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=64,
            max_position_embeddings=512,
            sliding_window=64,
            query_pre_attn_scalar=64,
            bos_token_id=2,
            eos_token_id=1,
            pad_token_id=0,
            layer_types=["sliding_attention", "full_attention"],
        )
        torch.manual_seed(seed)
        network = Gemma3ForCausalLM(config).to(torch.bfloat16)
        end_of_turn = tokenizer.convert_tokens_to_ids("<end_of_turn>")
        network.generation_config = GenerationConfig(
            bos_token_id=2, eos_token_id=[1, end_of_turn], pad_token_id=0
        )
        network.save_pretrained(out, max_shard_size=shard)
    return out
