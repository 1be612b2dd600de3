import io
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from quant_triage.data import IntegrityError, UsageError
from quant_triage.quantize import cache_dir, converter_dir

ARCHIVE = f"llama_cpp_python-{version('llama-cpp-python')}.tar.gz"


def make_archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("QUANT_TRIAGE_CACHE", str(folder))
    return folder


@pytest.fixture
def any_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a version of llama-cpp-python whose archive we do not know: pip's own check is all there is."""
    monkeypatch.setattr("quant_triage.quantize._archive._SHA256", {})


def test_the_cache_can_be_moved(own_cache: Path) -> None:
    assert cache_dir() == own_cache


def test_an_archive_with_another_hash_is_refused(own_cache: Path) -> None:
    make_archive(own_cache / ARCHIVE, {"x/vendor/llama.cpp/convert_hf_to_gguf.py": b"import os"})
    with pytest.raises(IntegrityError, match=r"has sha256 [0-9a-f]{64}, not [0-9a-f]{64}"):
        converter_dir()
    assert not [path for path in own_cache.iterdir() if path.is_dir()]


@pytest.mark.usefixtures("any_hash")
def test_only_the_converter_is_unpacked_and_never_outside_its_folder(own_cache: Path) -> None:
    members = {
        "x/vendor/llama.cpp/convert_hf_to_gguf.py": b"script",
        "x/vendor/llama.cpp/conversion/gemma.py": b"gemma",
        "x/vendor/llama.cpp/gguf-py/gguf/constants.py": b"constants",
        "x/vendor/llama.cpp/gguf-py/gguf/../../../../../evil.py": b"evil",
        "/vendor/llama.cpp/conversion/../../evil.py": b"evil",
        "x/vendor/llama.cpp/src/llama.cpp": b"not needed",
        "x/setup.py": b"not needed",
    }
    make_archive(own_cache / ARCHIVE, members)
    folder = converter_dir()
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.py")}
    assert found == {"convert_hf_to_gguf.py", "conversion/gemma.py", "gguf-py/gguf/constants.py"}
    assert not list(own_cache.parent.rglob("evil.py"))

    (own_cache / ARCHIVE).rename(own_cache / "elsewhere")
    assert converter_dir() == folder  # from the cache, without the archive

    (folder / "conversion" / "gemma.py").write_bytes(b"tampered")
    (own_cache / "elsewhere").rename(own_cache / ARCHIVE)
    assert (converter_dir() / "conversion" / "gemma.py").read_bytes() == b"gemma"


@pytest.mark.usefixtures("any_hash")
@pytest.mark.parametrize("members", [{}, {"x/vendor/llama.cpp/convert_hf_to_gguf.py": b"script"}])
def test_an_archive_without_the_converter_is_refused(own_cache: Path, members: dict[str, bytes]) -> None:
    make_archive(own_cache / ARCHIVE, members)
    with pytest.raises(IntegrityError, match=r"does not hold .* converter"):
        converter_dir()


@pytest.mark.usefixtures("any_hash")
def test_a_truncated_archive_is_refused(own_cache: Path) -> None:
    (own_cache / ARCHIVE).write_bytes(b"\x1f\x8b\x08 not a gzip file")
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        converter_dir()


def test_without_an_index_the_way_out_is_named(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(UsageError) as caught:
        converter_dir()
    assert f"pip cannot fetch {ARCHIVE}" in str(caught.value)
    assert f"put {ARCHIVE} into {own_cache} by hand" in str(caught.value)
    assert "\n" not in str(caught.value)
