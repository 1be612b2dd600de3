"""llama.cpp's converter and sources, out of the source archive of the installed llama-cpp-python.

The archive of the *installed* version keeps converter and runtime in step, and pip fetches it from wherever
it fetches packages, so that no code host is needed.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from filelock import FileLock
from platformdirs import user_cache_dir
from pydantic import ValidationError

from quant_triage.data import IntegrityError, Record, UsageError, atomic_write, sha256_file

_DISTRIBUTION = "llama-cpp-python"
_SHA256 = {"0.3.36": "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"}
"""Hashes of the source archives that we know; pip itself checks the index's hash of any other."""

_WITHIN = PurePosixPath("vendor/llama.cpp")
_SCRIPT = "convert_hf_to_gguf.py"
_FOLDERS = ("conversion", "gguf-py/gguf")
_INDEX = "files.json"
_TIMEOUT = 900  # seconds; the archive has 77 MB
_LARGEST = 16 << 20  # bytes of one unpacked file


class _Index(Record):
    """What was unpacked: each file's sha256, and that of the archive."""

    archive_sha256: str
    files: dict[str, str]


def cache_dir() -> Path:
    """Return our cache folder: ``QUANT_TRIAGE_CACHE``, or the user's cache of this platform."""
    return Path(os.environ.get("QUANT_TRIAGE_CACHE") or user_cache_dir("quant-triage"))


def converter_dir() -> Path:
    """Return the folder that holds ``convert_hf_to_gguf.py``, ``conversion`` and ``gguf-py``.

    Fetched on the first call (77 MB; 2 MB are kept), then reused as long as every file is as it was unpacked.
    Where pip reaches no index, put ``llama_cpp_python-<version>.tar.gz`` into the cache folder by hand.

    Raises:
        UsageError: pip is missing or cannot fetch the archive.
        IntegrityError: The archive is not the one that it should be.
    """
    installed = version(_DISTRIBUTION)
    folder = cache_dir() / f"converter-{installed}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not _intact(folder):
            with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache_dir()) as scratch:
                archive = _fetch(installed, Path(scratch))
                fresh = Path(scratch) / "converter"
                _unpack(archive, fresh, installed)
                shutil.rmtree(folder, ignore_errors=True)
                fresh.replace(folder)
    return folder


def unpack_source(target: Path) -> Path:
    """Unpack llama.cpp's whole source, as the installed version was built from it; returns its root.

    Raises:
        UsageError: pip is missing or cannot fetch the archive.
        IntegrityError: The archive is not the one that it should be, or is damaged.
    """
    installed = version(_DISTRIBUTION)
    with tempfile.TemporaryDirectory(prefix="fetch-") as scratch:
        archive = _fetch(installed, Path(scratch))
        _check(archive, installed)
        try:
            with tarfile.open(archive, "r:gz") as tar:
                _unpack_all(tar, target)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise IntegrityError(
                f"{archive.name} cannot be unpacked ({error}): remove it and run again"
            ) from error
    return target / f"llama_cpp_python-{installed}" / _WITHIN


def _unpack_all(tar: tarfile.TarFile, target: Path) -> None:
    """Unpack what stays inside the target: files, folders, and links that point inside it.

    tarfile's own data filter came with Python 3.11.4; Debian 12 has 3.11.2.
    """
    root = target.resolve()

    def stays(member: tarfile.TarInfo) -> bool:
        place = root / member.name
        if member.issym():
            return (place.parent / member.linkname).resolve().is_relative_to(root)
        return (member.isfile() or member.isdir()) and place.resolve().is_relative_to(root)

    tar.extraction_filter = getattr(tarfile, "data_filter", None)
    tar.extractall(target, [one for one in tar.getmembers() if stays(one)])  # noqa: S202 - checked above


def _check(archive: Path, installed: str) -> str:
    """Return the archive's sha256, or refuse one that is not what it should be."""
    found = sha256_file(archive)
    if found != _SHA256.get(installed, found):
        raise IntegrityError(
            f"{archive.name} has sha256 {found}, not {_SHA256[installed]}: remove it and run again"
        )
    return found


def _intact(folder: Path) -> bool:
    index = folder / _INDEX
    if not index.is_file():
        return False
    try:
        recorded = _Index.model_validate_json(index.read_text(encoding="utf-8")).files
    except ValidationError:
        return False
    return all(
        (folder / name).is_file() and sha256_file(folder / name) == sha256
        for name, sha256 in recorded.items()
    )


def _fetch(installed: str, scratch: Path) -> Path:
    """Return the source archive: from our cache folder if a person put it there, else through pip."""
    name = f"llama_cpp_python-{installed}.tar.gz"
    if (given := cache_dir() / name).is_file():
        return given
    way_out = f"put {name} into {cache_dir()} by hand"
    if importlib.util.find_spec("pip") is None:
        raise UsageError(f"the converter comes through pip, which is not installed: {way_out}")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"),
        *("--no-binary", _DISTRIBUTION, "--dest", str(scratch), f"{_DISTRIBUTION}=={installed}"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"pip took over {_TIMEOUT} s to fetch {name}: run again, or {way_out}") from error
    archive = scratch / name
    if done.returncode or not archive.is_file():
        last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no archive"]
        raise UsageError(
            f"pip cannot fetch {name} ({last[-1]}): run again when the index is reachable, or {way_out}"
        )
    return archive


def _unpack(archive: Path, target: Path, installed: str) -> None:
    """Unpack the converter's own files and nothing else: no links, no paths of the archive's choosing."""
    found = _check(archive, installed)
    files: dict[str, str] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = _wanted(member)
                content = tar.extractfile(member) if name else None
                if name is None or content is None:
                    continue
                data = content.read()
                atomic_write(target / name, data)
                files[name] = hashlib.sha256(data).hexdigest()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise IntegrityError(
            f"{archive.name} cannot be unpacked ({error}): remove it and run again"
        ) from error
    if _SCRIPT not in files or not all(any(name.startswith(folder) for name in files) for folder in _FOLDERS):
        raise IntegrityError(
            f"{archive.name} does not hold llama.cpp's converter: install another {_DISTRIBUTION}"
        )
    index = _Index(archive_sha256=found, files=files)
    atomic_write(target / _INDEX, index.model_dump_json(indent=2))


def _wanted(member: tarfile.TarInfo) -> str | None:
    """Return a member's path within our folder, or None if we do not want it."""
    path = PurePosixPath(member.name)
    inner = PurePosixPath(*path.parts[1:])
    if (
        not member.isfile()
        or member.size > _LARGEST
        or ".." in path.parts
        or not inner.is_relative_to(_WITHIN)
    ):
        return None
    name = inner.relative_to(_WITHIN)
    if str(name) == _SCRIPT or (name.suffix == ".py" and any(name.is_relative_to(f) for f in _FOLDERS)):
        return str(name)
    return None
