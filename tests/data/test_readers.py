"""Readers name file, line and field, and survive hostile files."""

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from quant_triage.data import (
    SCENARIOS,
    FileFormatError,
    Record,
    UsageError,
    parse_jsonl,
    read_jsonl,
    read_yaml,
    sha256_file,
    sha256_text,
)


class Inner(Record):
    share: float


class Row(Record):
    name: str
    count: int = 0
    inner: tuple[Inner, ...] = ()


def _refusal(error: pytest.ExceptionInfo[FileFormatError]) -> str:
    text = str(error.value)
    assert "\n" not in text, "an error is one line"
    assert len(text) < 400
    return text


@pytest.mark.parametrize(
    ("second", "field", "says"),
    [
        ('{"name": "b", "count": "many"}', "count", "'many'"),
        ('{"name": "b", "cuont": 1}', "cuont", "not a known field"),
        ('{"count": 1}', "name", "is missing"),
        ('{"name": "b", "inner": [{"share": 1}, {"share": "x"}]}', "inner.1.share", "'x'"),
        ('{"name": "b"', None, "not valid JSON"),
        ('{"name": "\\ud800"}', None, "surrogates not allowed"),
        ('{"name": {"\\uDC00": 1}}', None, "surrogates not allowed"),
        ('["b"]', None, "['b']"),
        ('{"name": NaN}', "name", "nan"),
        ("1" * 5000, None, "not valid JSON"),
        ("[" * 100_000, None, "not valid JSON"),
    ],
)
def test_jsonl_errors_name_file_line_and_field(
    tmp_path: Path, second: str, field: str | None, says: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"name": "a"}\n\n' + second + "\n", encoding="utf-8")
    rows = read_jsonl(path, Row)
    assert next(rows).name == "a"
    with pytest.raises(FileFormatError) as error:
        next(rows)
    assert (error.value.path, error.value.line, error.value.field) == (path, 3, field)
    text = _refusal(error)
    assert text.startswith(f"{path}:3: ")
    assert says in text
    if field:
        assert f"field {field!r}" in text


def test_jsonl_streams_and_skips_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = ['{"name": "é \\ud83d\\ude00"}\r', "", "   ", '{"name": "a\u2028b", "count": 2}']
    path.write_bytes("\n".join(lines).encode())
    assert [(row.name, row.count) for row in read_jsonl(path, Row)] == [("é 😀", 0), ("a\u2028b", 2)]


def test_parse_jsonl_takes_lines_from_anywhere() -> None:
    with pytest.raises(FileFormatError, match=r"^<stdin>:2: field 'name': is missing$"):
        list(parse_jsonl(iter(['{"name": "a"}', "{}"]), Row, path="<stdin>"))


def test_a_value_too_long_to_show_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"name": "a", "count": "' + "x" * 10_000 + '"}', encoding="utf-8")
    with pytest.raises(FileFormatError) as error:
        list(read_jsonl(path, Row))
    assert _refusal(error).endswith("...")


@pytest.mark.parametrize(
    ("text", "line", "field", "says"),
    [
        ("name: a\ncount: many\n", 2, "count", "'many'"),
        ("name: a\n\n# why\ncuont: 1\n", 4, "cuont", "not a known field"),
        ("count: 1\n", 1, "name", "is missing"),
        ("name: a\ninner:\n  - share: 1\n  - {share: x}\n", 4, "inner.1.share", "'x'"),
        ("name: a\ncount: [1\n", 3, None, "not valid YAML"),
        ("name: a\n\tcount: 1\n", 2, None, "not valid YAML"),
        ("name: a\ncount: 1\nname: b\n", 3, "name", "occurs twice"),
        ("name: a\ninner:\n  - share: 1\n    share: 0\n", 4, "inner.0.share", "occurs twice"),
        ("name: a\n---\nname: b\n", 2, None, "another document"),
        ("name: a\nwhen: !!python/object/apply:os.getcwd []\n", 2, None, "not valid YAML"),
        ("- a\n", 1, None, "['a']"),
        ("", None, None, "is empty"),
        ("# nothing\n", None, None, "is empty"),
        ("name: \0\n", None, None, "not valid YAML"),
    ],
)
def test_yaml_errors_name_file_line_and_field(
    tmp_path: Path, text: str, line: int | None, field: str | None, says: str
) -> None:
    path = tmp_path / "row.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError) as error:
        read_yaml(path, Row)
    assert (error.value.path, error.value.line, error.value.field) == (path, line, field)
    shown = _refusal(error)
    assert shown.startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert says in shown


def test_a_yaml_bomb_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    names = "abcdefghi"
    layers = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    layers += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    path.write_text("\n".join(layers), encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(FileFormatError) as error:
        read_yaml(path, Row)
    assert time.monotonic() - start < 1
    assert _refusal(error) == f"{path}:2: alias 'a' is not allowed"


@pytest.mark.parametrize("text", ["- " * 100_000, "[" * 100_000, "{a: " * 100_000, "[" * 900 + "]" * 900])
def test_deep_yaml_is_refused_and_does_not_kill_the_process(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(text, encoding="utf-8")
    script = (
        "import sys; from pathlib import Path\n"
        "from quant_triage.data import FileFormatError, Record, read_yaml\n"
        "try: read_yaml(Path(sys.argv[1]), Record)\n"
        "except FileFormatError as error: sys.exit(str(error))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert child.returncode == 1, "a crash would be negative"
    assert child.stderr.strip() == f"{path}:1: is nested deeper than 50 levels"


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    lines, document = tmp_path / "rows.jsonl", tmp_path / "row.yaml"
    lines.write_bytes(b'{"name": "a"}\n{"name": "caf\xe9"}\n')
    document.write_bytes(b"name: a\n\n# caf\xe9\n")
    with pytest.raises(FileFormatError) as error:
        list(read_jsonl(lines, Row))
    assert _refusal(error) == f"{lines}:2: is not UTF-8 text"
    with pytest.raises(FileFormatError) as error:
        read_yaml(document, Row)
    assert _refusal(error) == f"{document}:3: is not UTF-8 text"


def test_a_missing_file_and_a_folder_are_usage_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(UsageError, match="cannot read") as error:
            list(read_jsonl(path, Row))
        assert repr(str(path)) in str(error.value)
        with pytest.raises(UsageError, match="cannot read"):
            read_yaml(path, Row)


def test_sha256_of_text_knows_where_its_parts_end() -> None:
    assert sha256_text("ab", "c") != sha256_text("a", "bc")
    assert sha256_text("a", "") != sha256_text("a")
    assert sha256_text("é") == sha256_text("é")


def test_sha256_of_a_file_spans_blocks(tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    path.write_bytes(bytes(3_000_000))
    # sha256sum of three million zero bytes
    assert sha256_file(path) == subprocess.check_output(["sha256sum", path], text=True).split()[0]  # noqa: S607


def test_there_are_thirty_scenarios() -> None:
    assert len(set(SCENARIOS)) == len(SCENARIOS) == 30
