"""A Transformers checkpoint folder, with or without a LoRA adapter, answered in a child process."""

import functools
import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from quant_triage.data import FileFormatError, UsageError, sha256_file, sha256_text, usable_cores

from .._records import Hardware, ModelCard, Outcome, Reply, Request, Sampling, Speed
from ._identity import reply_key
from ._process import CHILD, Progress, TimeLimits, run_child
from ._protocol import Job
from ._template import check_syntax, find_template

_LEVELS = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_WEIGHTS = ("*.safetensors", "*.bin")
_DECIDES = ("*.json", "*.jinja", "tokenizer.model", *_WEIGHTS)
"""Files that decide what a checkpoint says."""


def is_checkpoint(folder: Path) -> bool:
    """Whether the folder holds a checkpoint or an adapter."""
    return (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file()


class CheckpointSource:
    """A checkpoint folder; ``adapter`` is laid over it.

    Args:
        folder: Folder with ``config.json``, or of an adapter that names its base.
        sampling: How to sample; ``slots`` is the batch.
        hardware: Threads, and whether a GPU may be used.
        limits: When the model counts as hung.

    Raises:
        UsageError: Something is missing: torch, the weights, the adapter's base.
        FileFormatError: A file is malformed, or there is no chat template.
    """

    def __init__(
        self,
        folder: Path,
        sampling: Sampling,
        hardware: Hardware,
        *,
        limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
    ):
        self.path, self.adapter = _parts(folder)
        parts = [self.path] if self.adapter is None else [self.adapter, self.path]
        _require(["torch", "transformers", *(["peft"] if self.adapter else [])], folder)
        config = _read(self.path / "config.json")
        weights = _files(self.path, _WEIGHTS) + (_files(self.adapter, _WEIGHTS) if self.adapter else [])
        if not _files(self.path, _WEIGHTS):
            raise UsageError(f"{str(self.path)!r} holds no weights (*.safetensors)")
        template = find_template(parts)
        if template is None:
            raise FileFormatError(folder, "carries no chat template: add chat_template.jinja")
        check_syntax(template, folder)
        dtype = str(config.get("dtype") or config.get("torch_dtype") or "float32")
        level = "BNB" if "quantization_config" in config else _LEVELS.get(dtype, dtype.upper())
        size = sum(file.stat().st_size for file in weights)
        self.card = ModelCard(
            name=folder.resolve().name,
            level=level,
            sha256=_hash(parts),
            bytes=size,
            bits_per_weight={"BF16": 16.0, "F16": 16.0, "F32": 32.0}.get(level),
            template_sha256=sha256_text(template),
            reference=level in _LEVELS.values(),
        )
        self.memory = 2 * size
        self._sampling, self._limits = sampling, limits
        self._hardware = hardware.model_copy(update={"threads": hardware.threads or usable_cores()})

    @property
    def build(self) -> str:
        """Versions of the libraries that answer."""
        return f"transformers {version('transformers')}, torch {version('torch')}"

    def key(self, prompt: str, sample: int) -> str:
        """See ``reply_key``."""
        return reply_key(self.card, self._sampling, self.build, prompt=prompt, sample=sample)

    def asked(self) -> None:
        """A loaded model can be asked anything."""
        return

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        """Load the checkpoint in a child process and answer all requests in batches."""
        job = Job(
            engine="transformers",
            path=str(self.path),
            adapter=str(self.adapter) if self.adapter else None,
            model=self.card.sha256,
            sampling=self._sampling,
            hardware=self._hardware,
            requests=tuple(requests),
        )
        return run_child(job, on_reply, on_progress, self._limits, command=CHILD)


def _parts(folder: Path) -> tuple[Path, Path | None]:
    """Return the base's folder, and the adapter's if ``folder`` is one."""
    if not (folder / "adapter_config.json").is_file():
        return folder, None
    named = str(_read(folder / "adapter_config.json").get("base_model_name_or_path"))
    for base in (Path(named), folder / named):
        if (base / "config.json").is_file():
            return base, folder
    raise UsageError(
        f"{str(folder)!r} is an adapter for {named!r}, which is no folder here: put the base there,"
        " or merge the adapter first (quant-triage merge)"
    )


def _require(modules: Sequence[str], folder: Path) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{str(folder)!r} is a checkpoint, which needs {' and '.join(missing)}:"
            " pip install 'quant-triage[train]', or convert it to a GGUF"
        )


def _read(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FileFormatError(path, f"is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise FileFormatError(path, "holds no object")
    return value


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256_file(path)


def _hash(parts: Sequence[Path]) -> str:
    """Hex sha256 over the names and bytes of all files that decide what is said."""
    digest = hashlib.sha256()
    for folder in parts:
        for file in _files(folder, _DECIDES):
            status = file.stat()
            sha256 = _sha256(file.resolve(), status.st_size, status.st_mtime_ns)
            digest.update(f"{file.name}\0{sha256}\0".encode())
    return digest.hexdigest()
