"""The base checkpoint: where it lies and which bytes it is."""

import os
from pathlib import Path

from quant_triage.data import UsageError, sha256_files, sha256_text

from ._libraries import quiet_libraries

WEIGHTS = "*.safetensors"


def resolve_base(base: str | Path) -> Path:
    """Return the folder of a base checkpoint: a local path as it is, a hub id after downloading it.

    Raises:
        UsageError: It is neither a checkpoint folder nor a hub id that can be reached.
    """
    folder = Path(base)
    if folder.is_dir():
        if not (folder / "config.json").is_file() or not any(folder.glob(WEIGHTS)):
            raise UsageError(f"{str(base)!r} is not a checkpoint: it lacks config.json or {WEIGHTS}")
        return folder
    name = str(base)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1 or folder.exists():
        raise UsageError(f"base {name!r} is neither a checkpoint folder nor a hub id such as 'owner/name'")
    with quiet_libraries():
        return _download(name)


def _download(name: str) -> Path:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415  # optional and slow

    patterns = [WEIGHTS, "*.json", "*.jinja", "tokenizer.model"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"cannot fetch base {name!r} from {hub} ({reason}): give the folder of a downloaded checkpoint"
        ) from error


def base_sha256(folder: Path) -> str:
    """Return one sha256 over a checkpoint's weights and config.json, whatever the folder is called."""
    files = sorted([folder / "config.json", *folder.glob(WEIGHTS)])
    hashes = sha256_files(files)
    return sha256_text(*(f"{file.name} {sha256}" for file, sha256 in zip(files, hashes, strict=True)))
