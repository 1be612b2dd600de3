import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter

from quant_triage.data import FileFormatError, ModelError, NotEnoughSpaceError, UsageError, sha256_file
from quant_triage.quantize import (
    LEVELS,
    MANIFEST,
    OutType,
    QuantizeProgress,
    convert,
    file_name,
    parse_levels,
    quantize,
    read_header,
    read_manifest,
)

pytestmark = pytest.mark.slow


def stock(source: Path, target: Path, ftype: int, pins: dict[str, int] | None = None) -> bytes:
    """What llama.cpp itself writes, called once, here."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    overrides = (llama_cpp.llama_model_tensor_override * (len(pins or {}) + 1))()
    for slot, (name, kind) in zip(overrides, (pins or {}).items(), strict=False):
        slot.pattern, slot.type = f"^{name}$".encode(), kind
    if pins:
        params.tt_overrides = overrides
    assert (
        llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) == 0
    )
    return target.read_bytes()


def test_every_level_of_the_ladder_has_the_bytes_that_llama_cpp_writes(f16: Path, tmp_path: Path) -> None:
    seen: list[QuantizeProgress] = []
    files = quantize(f16, tmp_path / "out", parse_levels("all"), on_progress=seen.append)

    assert len(files) == 11
    for file in files:
        path = tmp_path / "out" / file.file
        assert file.file == f"tiny-{file.level}.gguf"
        assert path.read_bytes() == stock(f16, tmp_path / "stock.gguf", LEVELS[file.level].ftype), file.level
        assert (file.sha256, file.bytes) == (sha256_file(path), path.stat().st_size)
        assert file.source_sha256 == sha256_file(f16)
        reader = GGUFReader(path)
        bits = 8 * sum(tensor.n_bytes for tensor in reader.tensors)
        assert file.bits_per_weight == pytest.approx(
            bits / sum(int(t.n_elements) for t in reader.tensors), abs=1e-4
        )
        assert sum(file.tensor_types.values()) == len(reader.tensors)
        assert file.fallbacks == ()
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert seen[-1].done == seen[-1].total == sum(t.bytes for t in read_header(f16).tensors)
    assert seen[0].files == tuple(file.level for file in files)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {MANIFEST, *(file.file for file in files)}
    assert tuple(read_manifest(tmp_path / "out").files.values()) == tuple(sorted(files, key=lambda f: f.file))


def test_running_again_makes_only_what_is_missing_or_different(f16: Path, tmp_path: Path) -> None:
    made: set[str] = set()

    def run(levels: str) -> list[str]:
        made.clear()
        quantize(f16, tmp_path, parse_levels(levels), on_progress=lambda p: made.update(p.files))
        return sorted(made)

    assert run("Q2_K,Q4_0") == ["Q2_K", "Q4_0"]
    assert run("Q2_K,Q4_0") == []
    assert run("Q2_K,Q4_0,Q8_0") == ["Q8_0"]
    (tmp_path / "tiny-Q2_K.gguf").unlink()
    with (tmp_path / "tiny-Q4_0.gguf").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    assert run("Q2_K,Q3_K_S,Q4_0,Q8_0") == ["Q2_K", "Q3_K_S", "Q4_0"]
    assert run("Q2_K,Q4_0,Q8_0") == []


def test_a_different_source_of_the_same_name_is_quantized_anew(f16: Path, tmp_path: Path) -> None:
    source = tmp_path / "tiny-F16.gguf"
    shutil.copy(f16, source)
    before = quantize(source, tmp_path / "out", parse_levels("Q8_0"))[0]
    data = bytearray(source.read_bytes())
    data[-2048:] = bytes(2048)
    source.write_bytes(data)
    after = quantize(source, tmp_path / "out", parse_levels("Q8_0"))[0]
    assert after.file == before.file
    assert after.sha256 != before.sha256


def test_file_names() -> None:
    level = LEVELS["Q4_K_M"]
    names = {
        "model-F16.gguf": "model-Q4_K_M.gguf",
        "model.bf16.gguf": "model-Q4_K_M.gguf",
        "F16.gguf": "Q4_K_M.gguf",
        "gemma.gguf": "gemma-Q4_K_M.gguf",
    }
    assert {name: file_name(Path(name), level) for name in names} == names


def test_rows_that_do_not_fit_are_reported_as_fallbacks(f16: Path, tmp_path: Path) -> None:
    """Rows of 320 fit blocks of 32 and not of 256: Q4_K must become Q5_0, and be said to."""
    source = tmp_path / "odd-F16.gguf"
    old = GGUFReader(f16)
    writer = GGUFWriter(source, "gemma3")
    writer.add_uint32("gemma3.context_length", 512)
    writer.add_uint32("gemma3.embedding_length", 320)
    writer.add_uint32("gemma3.block_count", 1)
    writer.add_uint32("gemma3.feed_forward_length", 320)
    writer.add_uint32("gemma3.attention.head_count", 4)
    writer.add_float32("gemma3.attention.layer_norm_rms_epsilon", 1e-6)
    for tensor in old.tensors:
        if tensor.name.startswith("blk.0.ffn_") and len(tensor.shape) == 2:
            writer.add_tensor(tensor.name, np.ones((320, 320), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = quantize(source, tmp_path, parse_levels("Q4_K_S"))[0]
    assert len(file.fallbacks) == 3
    assert "blk.0.ffn_gate.weight: Q5_0 instead of Q4_K" in file.fallbacks
    assert "Q4_K" not in file.tensor_types
    assert file.bits_per_weight == pytest.approx(5.5, abs=0.1)


def test_a_source_that_changes_while_it_is_read_is_refused(f16: Path, tmp_path: Path) -> None:
    source = tmp_path / "tiny-F16.gguf"
    shutil.copy(f16, source)

    def touch(_progress: QuantizeProgress) -> None:
        os.utime(source, ns=(1, 1))

    with pytest.raises(UsageError, match=r"tiny-F16\.gguf' changed while it was read"):
        quantize(source, tmp_path / "out", parse_levels("Q4_0"), on_progress=touch)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_level_never_replaces_its_source(f16: Path, tmp_path: Path) -> None:
    source = tmp_path / "F16.gguf"
    shutil.copy(f16, source)
    with pytest.raises(UsageError, match=r"'F16\.gguf' would replace its own source"):
        quantize(source, tmp_path, parse_levels("Q4_0,F16"))
    assert list(tmp_path.iterdir()) == [source]


def test_weights_that_are_no_numbers_are_refused(f16: Path, tmp_path: Path) -> None:
    source = tmp_path / "nan-F16.gguf"
    data = bytearray(f16.read_bytes())
    tensor = next(t for t in read_header(f16).tensors if t.name == "blk.0.ffn_up.weight")
    at = read_header(f16).data_offset + tensor.offset
    data[at : at + 2] = np.float16("nan").tobytes()
    source.write_bytes(data)
    with pytest.raises(ModelError, match=r"blk\.0\.ffn_up\.weight' holds NaN"):
        quantize(source, tmp_path / "out", parse_levels("Q4_0"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("level", ["F16", "Q8_0"])
def test_a_quantized_source_is_taken_on_request(f16: Path, tmp_path: Path, level: str) -> None:
    """With the bytes that llama.cpp writes when allowed to."""
    q8 = tmp_path / quantize(f16, tmp_path, parse_levels("Q6_K"))[0].file
    file = quantize(q8, tmp_path / "out", parse_levels(level), allow_requantize=True)[0]
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = LEVELS[level].ftype, True
    target = tmp_path / "stock.gguf"
    assert not llama_cpp.llama_model_quantize(str(q8).encode(), str(target).encode(), ctypes.byref(params))
    assert (tmp_path / "out" / file.file).read_bytes() == target.read_bytes()


@pytest.mark.parametrize("outtype", ["bf16", "f32"])
def test_bf16_and_f32_sources(merged: Path, tmp_path: Path, outtype: OutType) -> None:
    source = convert(merged, tmp_path / f"tiny-{outtype}.gguf", outtype=outtype)
    for file in quantize(source, tmp_path / "out", parse_levels("Q4_K_M,Q8_0,F16")):
        stocked = stock(source, tmp_path / "stock.gguf", LEVELS[file.level].ftype)
        assert (tmp_path / "out" / file.file).read_bytes() == stocked, file.level


def test_a_level_that_needs_an_importance_matrix_is_refused(f16: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'IQ3_XXS' needs an importance matrix"):
        quantize(f16, tmp_path / "out", parse_levels("Q2_K,IQ3_XXS"))
    assert not (tmp_path / "out").exists()


def test_bad_sources_are_refused_with_one_line(f16: Path, tmp_path: Path) -> None:
    q8 = tmp_path / quantize(f16, tmp_path, parse_levels("Q8_0"))[0].file
    with pytest.raises(UsageError, match=r"is quantized already \(Q8_0\)"):
        quantize(q8, tmp_path / "out", parse_levels("Q4_0"))
    with pytest.raises(UsageError, match="cannot read"):
        quantize(tmp_path / "none.gguf", tmp_path / "out", parse_levels("Q4_0"))
    (tmp_path / "text.gguf").write_text("not a model")
    with pytest.raises(FileFormatError, match="is not a GGUF file"):
        quantize(tmp_path / "text.gguf", tmp_path / "out", parse_levels("Q4_0"))
    for length in (0, 3, 20, 5_000, f16.stat().st_size - 1):
        (tmp_path / "cut.gguf").write_bytes(f16.read_bytes()[:length])
        with pytest.raises(FileFormatError, match=r"cut off|is not a GGUF"):
            quantize(tmp_path / "cut.gguf", tmp_path / "out", parse_levels("Q4_0"))
    assert not (tmp_path / "out").exists()


def test_a_disk_without_room_is_found_before_the_start(
    f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, 65 << 20))
    with pytest.raises(NotEnoughSpaceError, match=r"11 levels need 7 MB.*has 1 MB"):
        quantize(f16, tmp_path / "out", parse_levels("all"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("missing", [1, 600_000])
def test_a_file_that_the_disk_cuts_short_is_not_passed_off_as_whole(
    f16: Path, tmp_path: Path, missing: int
) -> None:
    """As on a disk that fills up meanwhile; the quantizer does not notice the loss of the last bytes."""
    size = quantize(f16, tmp_path / "whole", parse_levels("Q8_0"))[0].bytes
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, hard))
    try:
        with pytest.raises(NotEnoughSpaceError, match=rf"cannot write all {size:,} bytes of .*Q8_0\.gguf"):
            quantize(f16, tmp_path / "out", parse_levels("Q8_0"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_pass_leaves_no_level_and_goes_on_where_it_was(f16: Path, tmp_path: Path) -> None:
    levels, half = parse_levels("Q2_K,Q4_0"), f16.stat().st_size // 2
    expected = {file.file: file.sha256 for file in quantize(f16, tmp_path / "whole", levels)}

    def interrupt(progress: QuantizeProgress) -> None:
        if progress.done > half:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        quantize(f16, out, levels, save_seconds=0, on_progress=interrupt)
    assert not list(out.glob("*.gguf"))
    seen: list[int] = []
    files = quantize(f16, out, levels, on_progress=lambda p: seen.append(p.done))
    assert seen[0] > half // 2
    assert {file.file: file.sha256 for file in files} == expected
    assert {path.name for path in out.iterdir()} == {MANIFEST, *expected}


def test_what_an_interrupted_pass_left_is_not_taken_for_another(f16: Path, tmp_path: Path) -> None:
    def interrupt(progress: QuantizeProgress) -> None:
        if progress.done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(f16, tmp_path, parse_levels("Q2_K"), save_seconds=0, on_progress=interrupt)
    file = quantize(f16, tmp_path, parse_levels("Q4_0"))[0]
    assert (tmp_path / file.file).read_bytes() == stock(f16, tmp_path / "stock", LEVELS["Q4_0"].ftype)


def test_a_pass_that_was_killed_goes_on(f16: Path, tmp_path: Path) -> None:
    """A real process, a real SIGKILL; its child must die with it."""
    script = (
        "import os, signal, sys; from pathlib import Path; from quant_triage.quantize import *\n"
        "def kill(p):\n    if p.done > 1_000_000: os.kill(os.getpid(), signal.SIGKILL)\n"
        "levels = parse_levels('Q2_K,Q4_0')\n"
        "quantize(Path(sys.argv[1]), Path(sys.argv[2]), levels, save_seconds=0, on_progress=kill)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(f16), str(tmp_path / "out")], check=False)
    assert done.returncode == -signal.SIGKILL
    seen: list[int] = []
    file = quantize(
        f16, tmp_path / "out", parse_levels("Q2_K,Q4_0"), on_progress=lambda p: seen.append(p.done)
    )[0]
    assert seen[0] > 500_000
    stocked = stock(f16, tmp_path / "stock", LEVELS["Q2_K"].ftype)
    assert (tmp_path / "out" / file.file).read_bytes() == stocked


def test_one_folder_is_quantized_into_by_one_process(f16: Path, tmp_path: Path) -> None:
    def again(progress: QuantizeProgress) -> None:
        with pytest.raises(UsageError, match="another process is quantizing into"):
            quantize(f16, tmp_path, parse_levels("Q4_0"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(f16, tmp_path, parse_levels("Q4_0"), on_progress=again)


def test_a_crash_of_the_quantizer_is_an_error_and_leaves_nothing(
    f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = tmp_path / "crash"
    crash.mkdir()
    (crash / "llama_cpp.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", str(crash))
    with pytest.raises(ModelError, match="the quantizer died of SIGSEGV") as caught:
        quantize(f16, tmp_path / "out", parse_levels("Q4_0"))
    assert caught.value.status == "crashed"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_broken_model_is_refused_in_the_quantizers_own_words(tmp_path: Path) -> None:
    source = tmp_path / "strange-F16.gguf"
    writer = GGUFWriter(source, "oracle")
    writer.add_tensor("blk.0.ffn_up.weight", np.ones((256, 256), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="oracle"):
        quantize(source, tmp_path / "out", parse_levels("Q4_0"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_malformed_manifest_is_named(f16: Path, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"files": 7}))
    with pytest.raises(FileFormatError, match="is not a manifest of levels"):
        quantize(f16, tmp_path, parse_levels("Q8_0"))


def test_the_header_agrees_with_the_reference_reader(f16: Path) -> None:
    header, reader = read_header(f16), GGUFReader(f16)
    assert header.data_offset == reader.data_offset
    assert {t.name: (t.type, t.bytes, t.elements) for t in header.tensors} == {
        t.name: (t.tensor_type.name, int(t.n_bytes), int(t.n_elements)) for t in reader.tensors
    }
