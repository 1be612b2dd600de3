"""The base's tokenizer: SentencePiece BPE with Gemma's control tokens, chat template and byte fallback."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sentencepiece

CONTROL = ("<mask>", "<start_of_turn>", "<end_of_turn>")  # after <pad> <eos> <bos> <unk>, in Gemma's order
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}{%- set loop_messages = messages[1:] -%}"
    "{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages = messages -%}{%- endif -%}"
    "{%- for message in loop_messages -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}{%- set role = 'model' -%}"
    "{%- else -%}{%- set role = message['role'] -%}{%- endif -%}"
    "{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '')"
    " + message['content'] | trim }}"
    "{{ '<end_of_turn>\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)


def train_sentencepiece(texts: Iterable[str], vocab_size: int) -> bytes:
    """Train the BPE model; text is kept as it is: no normalisation, no prefix space, digits one by one."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in texts for line in text.split("\n") if line),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        unk_piece="<unk>",
        control_symbols=list(CONTROL),
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def save_tokenizer(model: bytes, folder: Path) -> Any:
    """Write tokenizer.model and Transformers' own files, and return the tokenizer."""
    from transformers import GemmaTokenizer  # noqa: PLC0415  # slow, and workers only encode
    from transformers.tokenization_utils_base import generate_merges  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocab = {pieces.id_to_piece(i): i for i in range(pieces.vocab_size())}
    plain = [
        i
        for i in range(len(vocab))
        if not (pieces.is_control(i) or pieces.is_byte(i) or pieces.is_unknown(i))
    ]
    scores = {pieces.id_to_piece(i): pieces.get_score(i) for i in plain}
    make: Any = generate_merges
    merges = make({piece: vocab[piece] for piece in scores}, scores)
    tokenizer: Any = GemmaTokenizer(
        vocab=vocab,
        merges=merges,
        extra_special_tokens=list(CONTROL[1:]),
        chat_template=CHAT_TEMPLATE,
        model_max_length=2048,
        add_bos_token=True,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


class Encoder:
    """Encodes chats and texts exactly as the chat template and Transformers' tokenizer do, only faster."""

    def __init__(self, model: bytes) -> None:
        self._pieces: Any = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.vocab_size: int = self._pieces.vocab_size()
        self.eos, self.bos = 1, 2
        self.start, self.end = (self._pieces.piece_to_id(token) for token in CONTROL[1:])
        self._newline = self._pieces.encode("\n")
        self.opens_reply: list[int] = [self.start, *self._pieces.encode("model\n")]

    def text(self, text: str) -> list[int]:
        """A plain document between <bos> and <eos>."""
        return [self.bos, *self._pieces.encode(text), self.eos]

    def chat(self, turns: Sequence[tuple[str, str]]) -> list[int]:
        """A whole conversation: <bos>, then each question and reply as a turn."""
        ids = [self.bos]
        for asked, reply in turns:
            ids += self._question(asked)
            ids += [self.start, *self._pieces.encode(f"model\n{reply.strip()}"), self.end, *self._newline]
        return ids

    def ask(self, asked: str) -> list[int]:
        """One question, up to where the reply begins."""
        return [self.bos, *self._question(asked), *self.opens_reply]

    def _question(self, asked: str) -> list[int]:
        return [self.start, *self._pieces.encode(f"user\n{asked.strip()}"), self.end, *self._newline]
