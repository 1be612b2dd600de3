"""Reports are published: what they say of a machine's folders is a name or a relative path."""

from pathlib import Path

import pytest

from quant_triage.data import public_argument, public_path, public_text


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_path_is_relative_or_a_name(here: Path) -> None:
    assert public_path(here / "runs" / "demo") == "runs/demo"
    assert public_path("/home/somebody/secret/model.gguf") == "model.gguf"
    assert public_path("models/../x.gguf") == "models/../x.gguf"
    assert public_path(here) == "."


def test_a_text_keeps_its_words(here: Path) -> None:
    said = f"cannot open '/home/somebody/a.gguf': No such file; see {here}/log.txt."
    assert public_text(said) == "cannot open 'a.gguf': No such file; see log.txt."
    for kept in ("12 tokens/s at https://example.org/v1/models", "and/or", "a / b", "./runs/demo", "9/11"):
        assert public_text(kept) == kept
    assert public_text("http://me:word@host:8080/v1 hung") == "http://host:8080/v1 hung"


def test_an_argument_may_have_spaces(here: Path) -> None:
    assert public_argument("/home/some body/my model.gguf") == "my model.gguf"
    assert public_argument(f"--out={here}/runs/x") == "--out=runs/x"
    assert public_argument("--seed=3") == "--seed=3"
    assert public_argument("http://me:word@host/v1") == "http://host/v1"
