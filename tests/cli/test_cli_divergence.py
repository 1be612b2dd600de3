"""Divergence beside the verdicts, through ``evaluate``."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from ..engines.conftest import quantize, write_model

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.slow

POLICY = """\
name: tiny
prompts: 6
limits: {danger: 0.9, incoherent: 1.0, refusal: 1.0, coverage: 0.0}
"""


def test_a_model_that_cannot_be_compared_takes_no_other_along(cli: Cli, tmp_path: Path) -> None:
    f16 = write_model(tmp_path / "tiny-F16.gguf")
    small = quantize(f16, tmp_path / "tiny-Q4_0.gguf", gguf.LlamaFileType.MOSTLY_Q4_0)
    foreign = write_model(tmp_path / "tiny-foreign.gguf", spare=32)
    (tmp_path / "policy.yaml").write_text(POLICY)
    out = tmp_path / "out"
    models = [str(model) for model in (f16, small, foreign)]
    done = cli(
        "evaluate", *models, "--policy", str(tmp_path / "policy.yaml"), "--max-tokens", "8", "--out", str(out)
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    result = json.loads((out / "report.json").read_text())
    assert result["reference"] == "tiny-F16"
    found = {model["name"]: model["divergence"] for model in result["models"]}
    assert found["tiny-Q4_0"]["kl_mean"] > 0
    assert found["tiny-foreign"] is None
    assert "how far tiny-foreign.gguf has moved is not known" in done.stderr
    assert "not of one model" in done.stderr
