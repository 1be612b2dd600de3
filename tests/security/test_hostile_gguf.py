"""Files that lie about themselves: one clear line or a recorded outcome, and the parent lives on."""

import json
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_triage.data import FileFormatError, QuantTriageError, UsageError
from quant_triage.harness import engines
from quant_triage.harness._records import Hardware, Sampling
from quant_triage.harness.engines import inspect_gguf, open_sources
from quant_triage.quantize import read_header, token_texts
from quant_triage.quantize._source import open_source

from ..engines.conftest import make_requests, write_model
from .mutation import mutate, write

HERE = Path(__file__).parent
READ, LOADED = 2000, 200
LONGEST = 1210  # of any error of ours, what was left out included


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("hostile") / "whole.gguf")


def test_thousands_of_damaged_headers_give_one_short_line_each(model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    head = content[: read_header(model).header_bytes]
    readers: tuple[Callable[[Path], object], ...] = (
        engines.read_header,
        read_header,
        lambda path: token_texts(path, {1, 300}),
    )
    ends: Counter[str] = Counter()
    for seed in range(READ):
        path = write(tmp_path / "damaged.gguf", mutate(head, seed), len(content))
        for reader in readers:
            try:
                reader(path)
            except UsageError as error:
                said = str(error)
                ends["refused" if len(said) <= LONGEST and "\n" not in said else f"seed {seed}"] += 1
            else:
                ends["read"] += 1
    assert set(ends) == {"read", "refused"}
    assert min(ends["read"], ends["refused"]) > READ / 2, "the damage is neither nothing nor everything"


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _pair(key: bytes, kind: int, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _file(*pairs: bytes) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs)) + b"".join(pairs) + bytes(64)


LIES = {
    "alignment is a text": _file(_pair(b"general.alignment", 8, _string(b"abc"))),
    "alignment is not a number": _file(_pair(b"general.alignment", 6, struct.pack("<f", float("nan")))),
    "alignment is infinite": _file(_pair(b"general.alignment", 6, struct.pack("<f", float("inf")))),
    "a type of megabytes": _file(_pair(b"general.type", 8, _string(b"x\ny" * 500_000))),
    "a key of megabytes": _file(_pair(b"x\ny" * 500_000, 99, b"")),
    "counts beyond all bounds": struct.pack("<4sIQQ", b"GGUF", 3, 2**63, 2**63) + bytes(1000),
    "a string longer than the file": _file(_pair(b"a", 8, struct.pack("<Q", 2**63))),
    "arrays in arrays": _file(_pair(b"a", 9, struct.pack("<IQ", 9, 1) * 50)),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_header_cannot_be_is_refused_in_one_line(tmp_path: Path, lie: str) -> None:
    path = tmp_path / "lie.gguf"
    path.write_bytes(LIES[lie])
    for reader in (inspect_gguf, open_source):
        with pytest.raises(UsageError) as error:
            reader(path)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) <= LONGEST


@pytest.mark.parametrize(
    "template",
    [
        b"{{" + b"(" * 100_000 + b")" * 100_000 + b"}}",
        b"{% if x %}" * 20_000,
        b"{{" + b"-" * 200_000 + b"1}}",
    ],
    ids=["brackets", "blocks", "signs"],
)
def test_a_template_too_deep_to_parse_is_refused(tmp_path: Path, template: bytes) -> None:
    path = tmp_path / "deep.gguf"
    path.write_bytes(_file(_pair(b"tokenizer.chat_template", 8, _string(template))))
    with pytest.raises(FileFormatError, match="not valid Jinja"):
        inspect_gguf(path)


@pytest.mark.slow
def test_hundreds_of_damaged_models_end_in_their_own_process(model: Path) -> None:
    """The child's own loading code; whatever llama.cpp does there, an outcome comes of it."""
    header = read_header(model).header_bytes
    done = subprocess.run(
        [sys.executable, str(HERE / "load_many.py"), str(model), str(header), "0", str(LOADED)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    assert sum(ends.values()) == LOADED
    assert min(ends["loaded"], ends["refused"]) > LOADED / 20, ends
    assert "another exception" not in ends, ends


@pytest.mark.slow
def test_what_our_reader_lets_through_becomes_an_outcome_or_replies(model: Path, tmp_path: Path) -> None:
    """Through the whole engine: inspect, start the child, load, answer; only our own errors come back."""
    content = model.read_bytes()
    head = content[: read_header(model).header_bytes]
    seen = 0
    for seed in range(10_000):
        path = write(tmp_path / f"{seed}.gguf", mutate(head, seed), len(content))
        try:
            (source,) = open_sources(path, Sampling(slots=2, max_tokens=4), Hardware(threads=1, gpu_layers=0))
        except QuantTriageError:
            path.unlink()
            continue
        outcome, _ = source.generate(make_requests(1), lambda _reply: None, lambda _progress: None)
        assert outcome.status == "ok" or outcome.cause
        assert "\n" not in (outcome.cause or "")
        seen += 1
        if seen == 4:
            break
    assert seen == 4
