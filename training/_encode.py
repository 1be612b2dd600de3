"""Rows to tokens: the model's own chat template, and a loss on the reply only."""

from collections.abc import Sequence
from typing import Protocol

from quant_triage.data import Record, UsageError

from ._dataset import Row

IGNORED = -100
"""Label of tokens that the loss leaves out (the convention of PyTorch's cross entropy)."""


class ChatTokenizer(Protocol):
    """What we need of a transformers tokenizer."""

    chat_template: str | None

    def apply_chat_template(
        self,
        conversation: list[dict[str, str]],
        *,
        add_generation_prompt: bool,
        tokenize: bool,
        return_dict: bool,
    ) -> list[int]:
        """Render a conversation and tokenize it."""
        ...


class Encoded(Record):
    """One row as tokens; ``labels`` repeat the reply's tokens and hold -100 everywhere else."""

    input_ids: list[int]
    labels: list[int]


def encode_rows(rows: Sequence[Row], tokenizer: ChatTokenizer, max_length: int) -> list[Encoded]:
    """Tokenize rows with the tokenizer's chat template and mask all but the reply and its end of turn.

    Both training backends get these very tokens, so that neither template nor mask can differ between them.

    Raises:
        UsageError: There is no chat template, the template renders a prompt differently once a reply follows,
            or a row is longer than ``max_length`` tokens (cutting it would train a reply without its end).
    """
    if not tokenizer.chat_template:
        raise UsageError("the base's tokenizer has no chat template: use an instruction-tuned base")
    encoded = []
    for number, row in enumerate(rows, start=1):
        question = [turn.model_dump() for turn in row.before]
        question.append({"role": "user", "content": row.instruction})
        answer = {"role": "assistant", "content": row.output}
        prompt = tokenizer.apply_chat_template(
            question, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        whole = tokenizer.apply_chat_template(
            [*question, answer], add_generation_prompt=False, tokenize=True, return_dict=False
        )
        if whole[: len(prompt)] != prompt or len(whole) == len(prompt):
            raise UsageError(
                f"row {number}: the base's chat template renders a prompt differently before a reply, "
                "so the reply cannot be told apart: use another base"
            )
        if len(whole) > max_length:
            raise UsageError(
                f"row {number} has {len(whole)} tokens, more than max_length={max_length}: "
                "shorten it or raise max_length"
            )
        labels = [IGNORED] * len(prompt) + whole[len(prompt) :]
        encoded.append(Encoded(input_ids=whole, labels=labels))
    return encoded
