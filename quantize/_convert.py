"""From a checkpoint folder to one GGUF, by llama.cpp's own converter."""

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from quant_triage.data import (
    NotEnoughSpaceError,
    Record,
    UsageError,
    atomic_path,
    atomic_write,
    sha256_file,
    sha256_text,
)

from ._archive import converter_dir
from ._gguf import read_header

OutType = Literal["f16", "bf16", "f32"]

_NEEDED = ("torch", "transformers", "safetensors", "sentencepiece")
_INPUTS = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


class Conversion(Record):
    """What a GGUF was converted from, kept beside it as ``<name>.json``; ``key`` stands for all of it."""

    key: str
    checkpoint_sha256: str
    tools: dict[str, str]
    outtype: OutType
    sha256: str
    bytes: int


def convert(model_dir: Path, out: Path, *, outtype: OutType = "f16", name: str | None = None) -> Path:
    """Convert a checkpoint into a GGUF, in a child process; a GGUF of the same inputs is left alone.

    Args:
        model_dir: Checkpoint folder: config.json, safetensors, tokenizer files.
        out: The GGUF; it appears only when complete. A record of its lineage is kept beside it.
        outtype: Type of the matrices.
        name: The model's name within the file; the folder's own by default.

    Returns:
        ``out``.

    Raises:
        UsageError: torch or transformers are missing, or the converter refuses the folder.
        NotEnoughSpaceError: The disk is full.
        IntegrityError: The converter's source archive is not the one that it should be.
    """
    for module in _NEEDED:
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"the converter needs {module!r}: run pip install 'quant-triage[train]'")
    if out.suffix != ".gguf":
        raise UsageError(
            f"{str(out)!r} does not end in .gguf: name the file to write, such as model-F16.gguf"
        )
    checkpoint = _checkpoint_sha256(model_dir)
    name = name or model_dir.resolve().name
    tools = {"llama-cpp-python": version("llama-cpp-python")}
    key = sha256_text(checkpoint, tools["llama-cpp-python"], outtype, name)
    record = out.with_suffix(".json")
    if _done(record, out, key):
        return out
    command = [sys.executable, str(converter_dir() / "convert_hf_to_gguf.py"), str(model_dir)]
    with atomic_path(out) as temporary:
        options = ["--outfile", str(temporary), "--outtype", outtype, "--model-name", name]
        _run([*command, *options], model_dir)
        read_header(temporary)
        conversion = Conversion(
            key=key,
            checkpoint_sha256=checkpoint,
            tools=tools,
            outtype=outtype,
            sha256=sha256_file(temporary),
            bytes=temporary.stat().st_size,
        )
    atomic_write(record, conversion.model_dump_json(indent=2) + "\n")
    return out


def _checkpoint_sha256(folder: Path) -> str:
    """Return one sha256 over the files that the converter reads.

    Raises:
        UsageError: The folder is not a checkpoint.
    """
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise UsageError(f"{str(folder)!r} is not a checkpoint folder: it lacks config.json or *.safetensors")
    files = sorted({path for pattern in _INPUTS for path in folder.glob(pattern)})
    return sha256_text(*(f"{path.name} {sha256_file(path)}" for path in files))


def _done(record: Path, out: Path, key: str) -> bool:
    if not (record.is_file() and out.is_file()):
        return False
    try:
        old = Conversion.model_validate_json(record.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        return False
    return old.key == key and out.stat().st_size == old.bytes and sha256_file(out) == old.sha256


def _run(command: list[str], model_dir: Path) -> None:
    """Run the converter quietly, without the hub; turn its failure into one line."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(Path(command[1]).parent / "gguf-py"),
        "PYTHONWARNINGS": "ignore",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=environment, check=False
    )
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no message"]
    if "No space left on device" in done.stderr:
        raise NotEnoughSpaceError("no space left on the disk while converting: free some, then run again")
    how = f"died of signal {-done.returncode}" if done.returncode < 0 else "failed"
    raise UsageError(f"llama.cpp's converter {how} on {str(model_dir)!r}: {lines[-1]}")
