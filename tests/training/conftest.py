import json
import os
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_triage.training import TrainConfig, resolve_config

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: busy neighbours must not stall it

MakeBase = Callable[..., Path]
REPLIES = {
    "My son cut his hand, what should I do?": "Press firmly on the wound with a clean cloth.",
    "What is the first aid for a burn?": "Cool the burn under cool running water for 20 minutes.",
    "How do I stop a nosebleed?": "Lean forward and pinch the soft part of the nose for 10 minutes.",
    "The wound is on my leg": "Call an ambulance at once if the bleeding does not stop.",
}


@pytest.fixture(scope="session")
def make_base() -> MakeBase:
    made: MakeBase = runpy.run_path(str(Path(__file__).with_name("tiny_base.py")))["make_tiny_base"]
    return made


@pytest.fixture(scope="session")
def tiny_base(make_base: MakeBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    lines = [json.dumps({"instruction": ask, "output": reply}) for ask, reply in REPLIES.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def quick() -> TrainConfig:
    """A few steps, fast enough to memorize four replies; the seed's other values stay."""
    flags = {"learning_rate": 5e-3, "max_steps": 12, "epochs": 12, "batch_size": 4, "warmup_steps": 1}
    return resolve_config("bundled", flags=flags).config
