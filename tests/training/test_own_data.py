"""Anyone's own data: CSV, conversations, and what is refused."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from quant_triage.data import FileFormatError
from quant_triage.training import IGNORED, encode_rows, read_dataset

TURNS = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": "How do I stop a nosebleed?"},
    {"role": "assistant", "content": "Lean forward."},
    {"role": "user", "content": "What is the first aid for a burn?"},
    {"role": "assistant", "content": "Cool the burn."},
]


def test_a_csv_gives_the_rows_that_its_jsonl_gives(tmp_path: Path) -> None:
    lines, table = tmp_path / "rows.jsonl", tmp_path / "rows.CSV"
    row = {"instruction": 'He said "stop", twice', "output": "1. Press.\n2. Call.", "scenario": "shock"}
    lines.write_text(json.dumps(row) + "\n")
    table.write_text(
        '\ufeffinstruction,output,scenario,source\n"He said ""stop"", twice","1. Press.\n2. Call.",shock,\n',
        encoding="utf-8",
    )
    assert read_dataset(table) == read_dataset(lines)


def test_of_a_conversation_the_last_reply_is_learnt_after_the_turns_before(
    tiny_base: Path, tmp_path: Path
) -> None:
    data = tmp_path / "talk.jsonl"
    data.write_text(json.dumps({"messages": TURNS[1:]}) + "\n")
    (row,) = read_dataset(data)
    assert (row.instruction, row.output) == (TURNS[3]["content"], "Cool the burn.")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    (encoded,) = encode_rows([row], tokenizer, 512)
    learnt = [token for token in encoded.labels if token != IGNORED]
    assert tokenizer.decode(learnt) == "Cool the burn.<end_of_turn>\n"
    assert "Lean forward.<end_of_turn>" in tokenizer.decode(encoded.input_ids)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "instruction,output\nWhat now?,\n", r"a\.csv:2: column 'output': Field required"),
        ("a.csv", "instruction,output\na,b,c\n", r"a\.csv:2: has too many cells"),
        ("a.csv", "instruction,output,input\na,b,c\n", "column 'input': Extra inputs"),
        ("a.csv", 'instruction,output\n"a,b\n', "is not a CSV file"),
        ("a.csv", "", "has no rows: each must have instruction and output, or messages"),
        ("a.jsonl", '{"messages": []}', "the roles are none"),
        ("a.jsonl", json.dumps({"messages": TURNS[:4]}), "pairs of user and assistant"),
        ("a.jsonl", json.dumps({"messages": TURNS, "output": "x"}), "give either messages or output"),
        ("a.jsonl", '{"instruction": "a", "output": " "}', "field 'output': must not be empty"),
        ("a.jsonl", json.dumps({"instruction": "a", "output": "w " * 100_000}), "at most 20,000 characters"),
    ],
)
def test_what_cannot_be_learnt_is_refused_by_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=told):
        read_dataset(tmp_path / name)
