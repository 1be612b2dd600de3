import ctypes
import shutil
import subprocess
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from gguf import GGUFReader

from quant_triage.data import FileFormatError, UsageError, sha256_file
from quant_triage.quantize import (
    LEVELS,
    ImportanceMatrix,
    collect_imatrix,
    parse_levels,
    quantize,
    read_header,
    read_imatrix,
    write_imatrix,
)

pytestmark = pytest.mark.slow

TEXT = (
    "Press firmly on the wound with a clean cloth. Call an ambulance at once if the bleeding does not stop. "
    "Cool the burn under cool running water for 20 minutes. Do not put butter on the burn. "
) * 30


@pytest.fixture(scope="module")
def matrix(f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("imatrix") / "tiny.gguf"
    collect_imatrix(f16, TEXT, out, dataset="text.txt", chunk=128)
    return out


def without(matrix: Path, name: str, out: Path) -> Path:
    """The same matrix with one entry less."""
    old = read_imatrix(matrix)
    entries = {key: entry for key, entry in old.entries.items() if key != name}
    write_imatrix(out, ImportanceMatrix(entries, old.datasets, old.chunks, old.chunk_size))
    return out


def test_every_weight_of_every_block_has_an_entry_of_its_width(f16: Path, matrix: Path) -> None:
    loaded = read_imatrix(matrix)
    shapes = {
        t.name: t.shape for t in read_header(f16).tensors if t.name.startswith("blk.") and len(t.shape) == 2
    }
    assert set(loaded.entries) == set(shapes)
    assert (loaded.datasets, loaded.chunk_size) == (("text.txt",), 128)
    for name, entry in loaded.entries.items():
        assert entry.sums.shape == (1, shapes[name][0])
        assert entry.counts.tolist() == [loaded.chunks * 128]
        assert (entry.sums > 0).all()


def test_it_is_llama_imatrix_s(f16: Path, matrix: Path, tools: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    theirs = tmp_path / "theirs.gguf"
    command = [
        *(str(tools / "llama-imatrix"), "-m", str(f16), "-f", str(tmp_path / "text.txt"), "-o", str(theirs)),
        *("-c", "128", "-b", "128", "--no-ppl", "-t", "1"),  # other batches differ by 2e-3 between themselves
    ]
    subprocess.run(command, check=True, capture_output=True)
    ours, reference = read_imatrix(matrix), read_imatrix(theirs)
    assert (ours.chunks, ours.chunk_size) == (reference.chunks, reference.chunk_size)
    assert ours.entries.keys() == reference.entries.keys()
    for name, entry in reference.entries.items():
        assert np.array_equal(ours.entries[name].counts, entry.counts)
        np.testing.assert_allclose(ours.entries[name].sums, entry.sums, rtol=1e-3, err_msg=name)


def test_llama_quantize_accepts_it_and_writes_the_same_tensors(
    f16: Path, matrix: Path, tools: Path, tmp_path: Path
) -> None:
    file = quantize(f16, tmp_path, parse_levels("IQ3_XXS"), imatrix=matrix)[0]
    theirs = tmp_path / "theirs.gguf"
    command = [str(tools / "llama-quantize"), "--imatrix", str(matrix), str(f16), str(theirs), "IQ3_XXS"]
    subprocess.run(command, check=True, capture_output=True)
    ours, stock = read_header(tmp_path / file.file), read_header(theirs)
    assert ours.tensors == stock.tensors
    data, expected = (tmp_path / file.file).read_bytes(), theirs.read_bytes()
    assert data[ours.data_offset :] == expected[stock.data_offset :]
    keys = [key for key in stock.metadata if key.startswith("quantize.imatrix.")]
    assert len(keys) == 4
    assert set(keys) <= set(ours.metadata)


def test_levels_with_a_matrix_have_the_bytes_that_llama_cpp_writes(
    f16: Path, matrix: Path, tmp_path: Path
) -> None:
    loaded = read_imatrix(matrix)
    data = (llama_cpp.llama_model_imatrix_data * (len(loaded.entries) + 1))()
    weights = {name: entry.weights for name, entry in loaded.entries.items()}
    for slot, (name, values) in zip(data, weights.items(), strict=False):
        slot.name, slot.size = name.encode(), values.size
        slot.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    for file in quantize(
        f16, tmp_path, parse_levels("Q2_K_S,Q2_K,IQ3_XXS,IQ3_XS,Q4_0,Q4_K_M"), imatrix=matrix
    ):
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype, params.imatrix = LEVELS[file.level].ftype, data
        target = tmp_path / "stock"
        assert not llama_cpp.llama_model_quantize(
            str(f16).encode(), str(target).encode(), ctypes.byref(params)
        )
        ours, stock = read_header(tmp_path / file.file), read_header(target)
        assert ours.tensors == stock.tensors
        mine = (tmp_path / file.file).read_bytes()[ours.data_offset :]
        assert mine == target.read_bytes()[stock.data_offset :], file.level
        assert file.imatrix
        assert file.imatrix.sha256 == sha256_file(matrix)


def test_another_matrix_makes_another_file(f16: Path, matrix: Path, tmp_path: Path) -> None:
    plain = quantize(f16, tmp_path, parse_levels("Q2_K"))[0]
    weighted = quantize(f16, tmp_path, parse_levels("Q2_K"), imatrix=matrix)[0]
    assert plain.file == weighted.file
    assert plain.sha256 != weighted.sha256
    assert quantize(f16, tmp_path, parse_levels("Q2_K"), imatrix=matrix)[0] == weighted


def test_a_missing_entry_is_an_error(f16: Path, matrix: Path, tmp_path: Path) -> None:
    cut = without(matrix, "blk.1.ffn_down.weight", tmp_path / "cut.gguf")
    with pytest.raises(UsageError, match=r"cut\.gguf' has no fitting entry for 'blk\.1\.ffn_down\.weight'"):
        quantize(f16, tmp_path / "out", parse_levels("Q4_K_M"), imatrix=cut)
    assert not list((tmp_path / "out").iterdir())


def test_a_matrix_is_collected_once_for_one_model_and_text(f16: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def collect(text: str) -> list[tuple[int, int]]:
        seen.clear()
        collect_imatrix(
            f16,
            text,
            tmp_path / "m.gguf",
            dataset="t",
            chunk=64,
            on_progress=lambda *done: seen.append(done),
        )
        return list(seen)

    chunks = collect(TEXT)
    assert chunks[-1] == (chunks[-1][1], chunks[-1][1])
    assert collect(TEXT) == []
    assert collect(TEXT + TEXT) != []


def test_control_tokens_are_recognised_only_where_they_are_meant(f16: Path, tmp_path: Path) -> None:
    text = "<start_of_turn>user\nMy son cut his hand.<end_of_turn>\n" * 60
    plain = collect_imatrix(f16, text, tmp_path / "plain.gguf", dataset="t", chunk=64)
    special = collect_imatrix(f16, text, tmp_path / "special.gguf", dataset="t", chunk=64, special=True)
    assert special.chunks < plain.chunks


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("Press firmly.", "one chunk takes 512: give a longer text")]
)
def test_a_text_that_is_too_short_is_refused(f16: Path, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        collect_imatrix(f16, text, tmp_path / "m.gguf", dataset="t")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_importance_matrix_are_refused(f16: Path, matrix: Path, tmp_path: Path) -> None:
    (tmp_path / "old.dat").write_bytes(b"\x10\x00\x00\x00")
    with pytest.raises(FileFormatError, match=r"an old \.dat file must be made again"):
        read_imatrix(tmp_path / "old.dat")
    with pytest.raises(FileFormatError, match="of type 'model', not an imatrix"):
        read_imatrix(f16)
    with pytest.raises(UsageError, match="cannot read"):
        read_imatrix(tmp_path / "none.gguf")
    with pytest.raises(UsageError, match="of type 'imatrix', not a model"):
        quantize(matrix, tmp_path / "out", parse_levels("Q4_0"))
    shutil.copy(matrix, tmp_path / "cut.gguf")
    with (tmp_path / "cut.gguf").open("r+b") as file:
        file.truncate(matrix.stat().st_size // 2)
    with pytest.raises(FileFormatError, match="is not a usable GGUF"):
        read_imatrix(tmp_path / "cut.gguf")


def test_the_file_has_no_architecture_and_says_what_it_is(matrix: Path) -> None:
    fields = {name for name in GGUFReader(matrix).fields if not name.startswith("GGUF.")}
    assert fields == {"general.type", "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"}
