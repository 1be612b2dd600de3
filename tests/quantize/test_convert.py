import json
import shutil
from pathlib import Path

import pytest

from quant_triage.data import UsageError
from quant_triage.quantize import convert, read_header

pytestmark = pytest.mark.slow


def test_a_checkpoint_becomes_a_gguf_with_its_template_and_tokenizer(f16: Path) -> None:
    header = read_header(f16)
    assert header.metadata["general.architecture"] == "gemma3"
    assert header.metadata["general.name"] == "tiny"
    assert "<start_of_turn>" in str(header.metadata["tokenizer.chat_template"])
    assert header.arrays["tokenizer.ggml.tokens"] == 400
    assert set(header.tensor_types) == {"F16", "F32"}
    assert {tensor.shape for tensor in header.tensors if tensor.name == "token_embd.weight"} == {(256, 400)}
    record = json.loads(f16.with_suffix(".json").read_text())
    assert record["bytes"] == f16.stat().st_size


def test_a_finished_conversion_is_kept_until_its_checkpoint_changes(
    merged: Path, f16: Path, tmp_path: Path
) -> None:
    stamp = f16.stat().st_mtime_ns
    assert convert(merged, f16, name="tiny").stat().st_mtime_ns == stamp

    moved = tmp_path / "moved"
    shutil.copytree(merged, moved)
    copy = tmp_path / "copy.gguf"
    shutil.copy(f16, copy)
    shutil.copy(f16.with_suffix(".json"), copy.with_suffix(".json"))
    stamp = copy.stat().st_mtime_ns
    assert convert(moved, copy, name="tiny").stat().st_mtime_ns == stamp  # the same bytes in another place

    (moved / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    convert(moved, copy, name="tiny")
    old, new = read_header(f16), read_header(copy)
    assert new.metadata["tokenizer.chat_template"] == "{{ messages[0]['content'] }}"
    assert new.metadata["general.name"] == "tiny"
    assert f16.read_bytes()[old.data_offset :] == copy.read_bytes()[new.data_offset :]


def test_bad_checkpoints_give_one_line_and_no_file(merged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.gguf"
    with pytest.raises(UsageError, match="is not a checkpoint folder"):
        convert(tmp_path / "nowhere", out)
    with pytest.raises(UsageError, match=r"does not end in \.gguf"):
        convert(merged, tmp_path / "out.bin")

    strange = tmp_path / "strange"
    shutil.copytree(merged, strange)
    config = json.loads((strange / "config.json").read_text())
    (strange / "config.json").write_text(json.dumps(config | {"architectures": ["OracleForCausalLM"]}))
    with pytest.raises(UsageError) as caught:
        convert(strange, out)
    assert "OracleForCausalLM" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["strange"]
