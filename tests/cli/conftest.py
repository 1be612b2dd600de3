"""Run the command line in a real process, as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def _run(
    *arguments: str, cwd: Path | None = None, timeout: float = 240
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "quant_triage.harness.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def cli() -> Cli:
    """A function that runs ``quant-triage`` with the arguments given and returns what it printed."""
    return _run
