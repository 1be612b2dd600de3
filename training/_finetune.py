"""LoRA fine-tuning behind one function, whatever the backend."""

import contextlib
import importlib
import importlib.util
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from quant_triage.data import UsageError, sha256_file

from ._adapter import (
    ADAPTER_INFO,
    AdapterInfo,
    BackendName,
    Trained,
    TrainJob,
    TrainProgress,
    adapter_key,
    read_adapter_info,
    write_adapter_info,
)
from ._base import base_sha256, resolve_base
from ._config import TrainConfig
from ._dataset import read_dataset
from ._folders import atomic_folder, refuse_foreign
from ._libraries import library_versions, load_torch, quiet_libraries, require_train_extra
from ._ranks import rank, shared_accumulation

Backend = Literal["auto", "unsloth", "peft"]

_TRAINERS: dict[BackendName, str] = {"peft": "._peft", "unsloth": "._unsloth"}
"""The module of each backend; its ``train`` does the work. Imported late, because it imports torch."""


def choose_backend(backend: str) -> tuple[BackendName, str]:
    """Return the backend to use and why.

    Raises:
        UsageError: An unknown backend, or Unsloth by name where it cannot run.
    """
    if backend == "peft":
        return "peft", "named"
    if backend not in {"auto", "unsloth"}:
        raise UsageError(f"unknown backend {backend!r}: choose one of auto, unsloth, peft")
    lacking = _unsloth_lacks()
    if lacking is None:
        return "unsloth", "named" if backend == "unsloth" else "CUDA and Unsloth are here"
    if backend == "unsloth":
        raise UsageError(f"backend 'unsloth' cannot run here: {lacking}; use --backend peft")
    return "peft", lacking


def _unsloth_lacks() -> str | None:
    """Return why Unsloth cannot run, or None if it can."""
    if importlib.util.find_spec("unsloth") is None:
        return "Unsloth is not installed"
    load_torch()
    import torch  # noqa: PLC0415  # optional and slow

    if not torch.cuda.is_available():
        return "there is no CUDA device"
    return None


def finetune(
    base: str | Path,
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    backend: Backend = "auto",
    resume: bool = False,
    on_progress: Callable[[TrainProgress], None] | None = None,
    logs: Path | None = None,
) -> AdapterInfo:
    """Train a LoRA adapter on an instruction data set and save it apart from its base.

    The loss counts the reply's tokens only. The same base, data, configuration and machine give the same
    adapter; a rerun with the same inputs returns it at once. The folder appears only when it is complete.

    Args:
        base: Checkpoint folder or hub id.
        data: JSONL with ``instruction`` and ``output``.
        out: Folder of the adapter.
        config: Hyperparameters; its ``base`` field is only a default for callers and is not read here.
        backend: ``auto`` takes Unsloth where it can run, PEFT otherwise.
        resume: Go on from the last checkpoint of the same inputs, if there is one.
        on_progress: Called after every step, in the first process alone.
        logs: Folder for TensorBoard's event files, or None.

    Under a launcher such as ``accelerate launch`` the processes share each step's rows, and the first writes.

    Raises:
        KeyboardInterrupt: Ctrl-C; the step was finished and a checkpoint kept for ``resume``.
        UsageError: Bad data, base, backend or folder; or the loss became NaN.
        NotEnoughSpaceError: The disk is full.
    """
    require_train_extra()
    if logs is not None:
        require_train_extra(("tensorboard",))
    shared_accumulation(config.accumulation)
    rows = read_dataset(data)
    refuse_foreign(out, ADAPTER_INFO)
    chosen, reason = choose_backend(backend)
    folder = resolve_base(base)
    base_hash, data_hash = base_sha256(folder), sha256_file(data)
    key = adapter_key(base_hash, data_hash, config, chosen)
    done = read_adapter_info(out)
    if done is not None and done.key == key:
        return done

    load_torch()
    checkpoints = out.parent / f".{out.name}.{key[:12]}.checkpoints"
    first = rank() == 0
    if first and not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    started = time.monotonic()
    with (
        _checkpoint_folder(checkpoints) if first else contextlib.nullcontext(),
        quiet_libraries(),
        atomic_folder(out, ADAPTER_INFO) if first else _discarded() as temporary,
    ):
        with contextlib.redirect_stdout(sys.stderr):  # where Unsloth's banner does no harm
            trainer = importlib.import_module(_TRAINERS[chosen], __package__)
            watcher = on_progress if first else None
            trained: Trained = trainer.train(
                TrainJob(folder, rows, temporary, config, checkpoints, watcher, logs)
            )
        info = AdapterInfo(
            key=key,
            backend=chosen,
            backend_reason=reason,
            base=str(base),
            base_sha256=base_hash,
            data_sha256=data_hash,
            rows=len(rows),
            tokens=trained.tokens,
            trainable_parameters=trained.trainable_parameters,
            losses=trained.losses,
            seconds=round(time.monotonic() - started, 3),
            device=trained.device,
            peak_gpu_bytes=trained.peak_gpu_bytes,
            versions=library_versions("torch", "transformers", "peft", "trl", "bitsandbytes", "unsloth"),
            config=config,
        )
        write_adapter_info(temporary, info)
    return info


@contextlib.contextmanager
def _discarded() -> Iterator[Path]:
    """Yield a folder for what a process other than the first would write."""
    with tempfile.TemporaryDirectory(prefix="quant-triage-rank-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _checkpoint_folder(folder: Path) -> Iterator[None]:
    """Keep a folder of checkpoints for a later ``resume`` if training is cut short, and only then."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # goes if it is empty
        raise
    shutil.rmtree(folder, ignore_errors=True)
