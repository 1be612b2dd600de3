from pathlib import Path

import pytest
from transformers import AutoTokenizer

from quant_triage.data import UsageError
from quant_triage.training import IGNORED, Row, encode_rows

ROWS = [
    Row(instruction="What is the first aid for a burn?", output="Cool the burn.\nDo not put butter on it."),
    Row(instruction="Hand\nbleeds", output="Press."),
]


def test_the_loss_counts_the_reply_and_its_end_of_turn_and_nothing_else(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    for row, encoded in zip(ROWS, encode_rows(ROWS, tokenizer, 512), strict=True):
        learned = [token for token in encoded.labels if token != IGNORED]
        masked = encoded.input_ids[: len(encoded.input_ids) - len(learned)]
        assert tokenizer.decode(learned) == f"{row.output}<end_of_turn>\n"
        assert tokenizer.decode(masked) == (
            f"<bos><start_of_turn>user\n{row.instruction}<end_of_turn>\n<start_of_turn>model\n"
        )
        assert encoded.labels == [IGNORED] * len(masked) + learned
        assert encoded.input_ids == masked + learned
        assert encoded.input_ids.count(tokenizer.bos_token_id) == 1


def test_a_base_without_a_chat_template_is_refused(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.chat_template = None
    with pytest.raises(UsageError, match="no chat template"):
        encode_rows(ROWS, tokenizer, 512)


def test_a_template_that_hides_where_the_reply_begins_is_refused(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}Call{% endif %}"
    )
    with pytest.raises(UsageError, match="row 1: the base's chat template"):
        encode_rows(ROWS, tokenizer, 512)


def test_a_row_is_refused_rather_than_cut(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    longest = max(len(encoded.input_ids) for encoded in encode_rows(ROWS, tokenizer, 512))
    assert len(encode_rows(ROWS, tokenizer, longest)) == 2
    with pytest.raises(UsageError, match=f"row 1 has {longest} tokens, more than max_length={longest - 1}"):
        encode_rows(ROWS, tokenizer, longest - 1)
