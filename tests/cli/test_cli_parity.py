"""A conversion that lost something stops a run before anything is judged."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from quant_triage.data import UsageError
from quant_triage.harness.cli._parity import parity_stage
from quant_triage.harness.cli._progress import Stages
from quant_triage.quantize import convert, read_header
from quant_triage.training import finetune, merge, resolve_config

pytestmark = pytest.mark.slow

BASE = Path(__file__).parents[1] / "training" / "tiny_base.py"
REPLIES = {
    "My son cut his hand, what should I do?": "Press firmly on the wound with a clean cloth.",
    "How do I stop a nosebleed?": "Lean forward and pinch the soft part of the nose for 10 minutes.",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    rows = [{"instruction": ask, "output": reply} for ask, reply in REPLIES.items()]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


@pytest.fixture(scope="module")
def checkpoint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    base = runpy.run_path(str(BASE))["make_tiny_base"](folder / "base")
    flags = {"learning_rate": 2e-2, "max_steps": 30, "epochs": 30, "batch_size": 4, "neftune_noise_alpha": 0}
    finetune(base, data, folder / "adapter", resolve_config("bundled", flags=flags).config, backend="peft")
    merge(base, folder / "adapter", folder / "merged")
    return folder / "merged"


@pytest.fixture(scope="module")
def gguf(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(checkpoint, tmp_path_factory.mktemp("gguf") / "model-F16.gguf")


def stages() -> Stages:
    return Stages(Console(quiet=True))


def test_a_faithful_conversion_passes_and_is_measured_once(checkpoint: Path, gguf: Path, data: Path) -> None:
    parity = parity_stage(stages(), checkpoint, gguf, data)
    assert parity.suspects == ()
    assert parity.exchanges == len(REPLIES)
    assert parity.tokens > 20
    assert parity.top1 >= 0.995
    assert parity.kl_mean <= 1e-3
    record = gguf.with_name("model-F16-parity.json")
    before = record.stat().st_mtime_ns
    assert parity_stage(stages(), checkpoint, gguf, data) == parity
    assert record.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("tensor", "suspect"),
    [("blk.1.ffn_down.weight", "tensors missing or altered"), (None, r"template \(2 of 2")],
)
def test_a_lossy_conversion_stops_with_its_suspects(
    checkpoint: Path, gguf: Path, data: Path, tmp_path: Path, tensor: str | None, suspect: str
) -> None:
    broken = tmp_path / "model-F16.gguf"
    shutil.copy(gguf, broken)
    content = bytearray(gguf.read_bytes())
    if tensor is None:
        place = content.index(b"<start_of_turn>model")
        content[place : place + 20] = b"<start_of_turn>modal"
    else:
        found = next(t for t in read_header(gguf).tensors if t.name == tensor)
        begin = read_header(gguf).data_offset + found.offset
        content[begin : begin + found.bytes] = bytes(found.bytes)
    broken.write_bytes(content)
    with pytest.raises(UsageError, match=suspect):
        parity_stage(stages(), checkpoint, broken, data)


def test_a_file_that_does_not_load_names_missing_tensors(
    checkpoint: Path, gguf: Path, data: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "model-F16.gguf"
    broken.write_bytes(gguf.read_bytes().replace(b"blk.1.attn_k.weight", b"blk.1.attn_x.weight"))
    with pytest.raises(UsageError, match=r"blk\.1\.attn_k\.weight.*suspects: tensors missing"):
        parity_stage(stages(), checkpoint, broken, data)
