"""A tiny random model that a safety test may fail."""

from pathlib import Path

import pytest

from ..engines.conftest import write_model


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("plugin") / "tiny-F16.gguf")
