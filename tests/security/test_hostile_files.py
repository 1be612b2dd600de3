"""Archives, configuration and paths that mean harm: refused in one line, and nothing is written elsewhere."""

import io
import tarfile
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import pytest

from quant_triage.data import FileFormatError, IntegrityError, Record, UsageError, read_jsonl
from quant_triage.harness import load_policy
from quant_triage.prompts import load_suite
from quant_triage.quantize import converter_dir, load_recipe, read_manifest, unpack_source
from quant_triage.training import resolve_config

_LAYERS = ["a: &a [x, x, x, x, x, x, x, x, x]"]
_LAYERS += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise("abcdefghi")]
BOMBS = {
    "aliases": "\n".join(_LAYERS),
    "depth": "- " * 100_000,
    "brackets": "[" * 100_000,
    "size": "a: " + "x" * (5 << 20),
    "an object": "a: !!python/object/apply:os.getcwd []",
}
READERS: dict[str, Callable[[Path], object]] = {
    "policy": lambda path: load_policy(str(path)),
    "prompts": load_suite,
    "training": lambda path: resolve_config("bundled", path, {}),
    "recipe": lambda path: load_recipe(str(path)),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_of_yaml_refuses_a_bomb(tmp_path: Path, reader: str, bomb: str) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[bomb], encoding="utf-8")
    with pytest.raises(FileFormatError) as error:
        READERS[reader](path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_a_file_without_an_end_is_not_read_to_it() -> None:
    with pytest.raises(FileFormatError, match="larger than 4 MiB"):
        load_suite(Path("/dev/zero"))


class _Line(Record):
    text: str


def test_a_line_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "a"}\n')
        file.truncate(200 << 20)  # zeros that take no room
    rows = read_jsonl(path, _Line)
    assert next(rows).text == "a"
    with pytest.raises(FileFormatError, match=r":2: is longer than 64 MiB"):
        next(rows)


@pytest.mark.parametrize("name", ["../outside.gguf", "/etc/outside.gguf", "a/../../outside.gguf"])
def test_a_manifest_names_files_of_its_own_folder(tmp_path: Path, name: str) -> None:
    entry = (
        f'{{"level": "Q4_K_M", "file": "{name}", "source": "x", "source_sha256": "0", "tools": {{}}, '
        '"sha256": "0", "bytes": 1, "bits_per_weight": 4.0, "tensor_types": {}}'
    )
    (tmp_path / "quantize.json").write_text(f'{{"files": {{"{name}": {entry}}}}}', encoding="utf-8")
    with pytest.raises(FileFormatError, match="not a manifest of levels"):
        read_manifest(tmp_path)


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    member.size = 4 if kind == tarfile.REGTYPE else 0
    return member


ROOT = f"llama_cpp_python-{version('llama-cpp-python')}/vendor/llama.cpp"
HARM = {
    "up": [_member(f"{ROOT}/conversion/../../../../evil.py")],
    "absolute": [_member("/tmp/quant-triage-evil.py")],
    "a link and a file behind it": [
        _member(f"{ROOT}/conversion/out", tarfile.SYMTYPE, "../../../../.."),
        _member(f"{ROOT}/conversion/out/evil.py"),
    ],
    "a hard link": [_member(f"{ROOT}/conversion/evil.py", tarfile.LNKTYPE, "/etc/passwd")],
    "a device": [_member(f"{ROOT}/conversion/evil.py", tarfile.CHRTYPE)],
}


@pytest.mark.parametrize("unpack", ["converter", "source"])
@pytest.mark.parametrize("harm", HARM)
def test_an_archive_writes_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, unpack: str
) -> None:
    cache = tmp_path / "a" / "b" / "cache"
    cache.mkdir(parents=True)
    monkeypatch.setenv("QUANT_TRIAGE_CACHE", str(cache))
    monkeypatch.setattr("quant_triage.quantize._archive._SHA256", {})  # the hash would refuse it before
    with tarfile.open(cache / f"llama_cpp_python-{version('llama-cpp-python')}.tar.gz", "w:gz") as tar:
        for member in HARM[harm]:
            tar.addfile(member, io.BytesIO(b"evil") if member.size else None)
    target = cache / "unpacked"
    if unpack == "converter":
        with pytest.raises(IntegrityError):
            converter_dir()
    else:
        try:
            unpack_source(target)
        except (IntegrityError, UsageError) as error:
            assert "\n" not in str(error)  # noqa: PT017 - some harm is made harmless instead
    evil = [path for path in tmp_path.rglob("*evil*") if not path.is_relative_to(target)]
    assert not evil
    assert not Path("/tmp/quant-triage-evil.py").exists()
