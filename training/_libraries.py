"""The heavy third-party libraries: asked for by name, kept quiet, never told to phone home."""

import contextlib
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from quant_triage.data import UsageError

_NEEDED = ("torch", "transformers", "peft", "trl", "datasets", "safetensors")
_EXTRA = "'quant-triage[train]'"
_HINTS = {"tensorboard": "tensorboard"}
_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_CHATTY = ("transformers", "trl", "peft", "datasets", "accelerate", "huggingface_hub", "bitsandbytes")


def require_train_extra(needed: tuple[str, ...] = _NEEDED) -> None:
    """Check that the optional libraries of training are installed, without importing them.

    Raises:
        UsageError: One is missing.
    """
    for name in needed:
        if importlib.util.find_spec(name) is None:
            raise UsageError(f"{name!r} is not installed: run pip install {_HINTS.get(name, _EXTRA)}")


def library_versions(*names: str) -> dict[str, str]:
    """Return the installed versions of the named distributions, without those that are not installed."""
    versions = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def load_torch() -> None:
    """Import torch so that its threads sleep while they wait, which costs nothing on a quiet machine.

    GNU OpenMP spins by default: beside one other busy process, two threads on two cores were slower than one.
    The policy is read once, as the library loads, and is taken back so that no child inherits it.
    """
    if "torch" in sys.modules or "OMP_WAIT_POLICY" in os.environ:
        return
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    try:
        importlib.import_module("torch")
    finally:
        del os.environ["OMP_WAIT_POLICY"]


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Switch telemetry off, and keep progress bars and chatter off the terminal."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
