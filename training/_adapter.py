"""What is known of a trained adapter, saved beside its weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from quant_triage.data import FileFormatError, Record, UsageError, atomic_write, sha256_text

from ._config import TrainConfig
from ._dataset import Row

ADAPTER_INFO = "quant_triage_adapter.json"
"""Written last into an adapter's folder: its presence says that training finished."""

BackendName = Literal["unsloth", "peft"]


class TrainProgress(Record):
    """Where training stands. Tokens count prompts and replies, without padding."""

    step: int
    total: int
    loss: float
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class TrainJob:
    """What a backend needs: where to read the base, what to train on, where to write and log."""

    base: Path
    rows: Sequence[Row]
    out: Path
    config: TrainConfig
    checkpoints: Path
    on_progress: Callable[[TrainProgress], None] | None
    logs: Path | None = None


class Trained(Record):
    """What a backend reports of a finished training."""

    tokens: int
    trainable_parameters: int
    losses: tuple[float, ...]
    device: str
    peak_gpu_bytes: int | None = None


class AdapterInfo(Record):
    """A finished adapter: what it was trained from, with what, and how it went.

    ``key`` identifies data, base and configuration: a rerun with the same key has nothing to do.
    ``losses`` holds the mean loss of every step, in nats a reply token.
    """

    key: str
    backend: BackendName
    backend_reason: str
    base: str
    base_sha256: str
    data_sha256: str
    rows: int
    tokens: int
    trainable_parameters: int
    losses: tuple[float, ...]
    seconds: float
    device: str
    peak_gpu_bytes: int | None = None
    versions: dict[str, str]
    config: TrainConfig


def adapter_key(base: str, data: str, config: TrainConfig, backend: BackendName) -> str:
    """Return the identity of a training: one sha256 over base, data, configuration and backend."""
    settings = config.model_dump_json(exclude={"base", "preset"})
    return sha256_text(base, data, settings, backend)


def write_adapter_info(folder: Path, info: AdapterInfo) -> None:
    """Write what is known of an adapter into its folder."""
    atomic_write(folder / ADAPTER_INFO, info.model_dump_json(indent=2) + "\n")


def read_adapter_info(folder: Path) -> AdapterInfo | None:
    """Return what is known of an adapter, or None if it was not trained here (or did not finish).

    Raises:
        FileFormatError: The file is there but malformed.
    """
    path = folder / ADAPTER_INFO
    if not path.is_file():
        return None
    try:
        return AdapterInfo.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise FileFormatError(path, "is not an adapter's record: train again into a new folder") from error


def check_base(adapter: Path, base: str | Path, base_hash: str) -> AdapterInfo | None:
    """Hold an adapter against the base that it is to be laid over; returns what is known of it.

    Args:
        adapter: Folder of the adapter.
        base: The base as it was named.
        base_hash: Its ``base_sha256``.

    Raises:
        UsageError: It was trained here, on another base.
        FileFormatError: Its record is malformed.
    """
    trained = read_adapter_info(adapter)
    if trained is not None and trained.base_sha256 != base_hash:
        raise UsageError(
            f"{str(adapter)!r} was trained on another base than {str(base)!r}: "
            f"give the one it was trained on ({trained.base!r})"
        )
    return trained
