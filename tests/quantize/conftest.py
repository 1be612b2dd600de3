import json
import os
import runpy
from pathlib import Path

import pytest

from quant_triage.harness.bench import peers_of
from quant_triage.quantize import cache_dir, convert
from quant_triage.training import finetune, merge, resolve_config

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: busy neighbours must not stall it

TINY_BASE = Path(__file__).parents[1] / "training" / "tiny_base.py"
REPLIES = {
    "My son cut his hand, what should I do?": "Press firmly on the wound with a clean cloth.",
    "What is the first aid for a burn?": "Cool the burn under cool running water for 20 minutes.",
    "How do I stop a nosebleed?": "Lean forward and pinch the soft part of the nose for 10 minutes.",
}


@pytest.fixture(scope="session")
def replies() -> dict[str, str]:
    """What the tiny model has learned, by question."""
    return REPLIES


@pytest.fixture(scope="session")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Gemma 3 that has learned three replies by heart: parity is judged on trained weights."""
    folder = tmp_path_factory.mktemp("checkpoint")
    base = runpy.run_path(str(TINY_BASE))["make_tiny_base"](folder / "base")
    data = folder / "data.jsonl"
    rows = [{"instruction": ask, "output": reply} for ask, reply in REPLIES.items()]
    data.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    flags = {"learning_rate": 2e-2, "max_steps": 40, "epochs": 40, "batch_size": 4, "neftune_noise_alpha": 0}
    finetune(base, data, folder / "adapter", resolve_config("bundled", flags=flags).config, backend="peft")
    merge(base, folder / "adapter", folder / "merged")
    return folder / "merged"


@pytest.fixture(scope="session")
def f16(merged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(merged, tmp_path_factory.mktemp("gguf") / "tiny-F16.gguf", name="tiny")


@pytest.fixture(scope="session")
def tools() -> Path:
    """Folder of llama.cpp's own programs of the installed version, or a skip that says how to get them."""
    given = os.environ.get("LLAMA_CPP_TOOLS")
    folder = Path(given) if given else peers_of(cache_dir()).folder
    if not (folder / "llama-perplexity").is_file():
        pytest.skip(f"llama.cpp's programs are not in {folder}: 'quant-triage bench engine' builds them")
    return folder
