"""Build llama.cpp's own tools from source, so that they are measured beside us and not quoted.

From the archive of the installed version, with the installed version's compiler defaults: peers run the
same kernels as we do. Once a version, a set of flags and a processor; the two programs are kept.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from quant_triage.data import Record, UsageError, atomic_path

from ..engines import probe, processor

_TARGETS = ("llama-server", "llama-batched-bench", "llama-quantize", "llama-imatrix", "llama-perplexity")
_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # would be downloaded
    "-DLLAMA_OPENSSL=OFF",
)
# Where the compiler breaks the AMX kernels (see the engines' probe), peers are built without them.
_WITHOUT_AMX = "-mno-amx-tile -mno-amx-int8"


class Peers(Record):
    """The folder of the programs, and the flags that they were built with."""

    folder: Path
    flags: str

    @property
    def server(self) -> Path:
        """llama-server."""
        return self.folder / "llama-server"

    @property
    def batched_bench(self) -> Path:
        """llama-batched-bench."""
        return self.folder / "llama-batched-bench"

    @property
    def complete(self) -> bool:
        """Whether every program is there."""
        return all((self.folder / name).is_file() for name in _TARGETS)


def _flags() -> list[str]:
    flags = [*_OPTIONS, *shlex.split(os.environ.get("CMAKE_ARGS", ""))]
    if not probe().use_extra_bufts:
        flags += [f"-DCMAKE_C_FLAGS={_WITHOUT_AMX}", f"-DCMAKE_CXX_FLAGS={_WITHOUT_AMX}"]
    return flags


def peers_of(cache: Path) -> Peers:
    """Where the peers' programs of this version, these flags and this processor are, or would be."""
    flags = _flags()
    key = hashlib.sha256("\0".join([*flags, processor()]).encode()).hexdigest()[:12]
    return Peers(folder=cache / f"peers-{version('llama-cpp-python')}-{key}", flags=shlex.join(flags))


def build_peers(
    cache: Path, unpack: Callable[[Path], Path], on_step: Callable[[str], None] = lambda _step: None
) -> Peers:
    """Return the peers' programs, building them first where they are missing (some four minutes).

    Args:
        cache: Folder to keep them in.
        unpack: Unpacks llama.cpp's source into a folder and returns its root.
        on_step: Told what is being done.

    Raises:
        UsageError: No CMake or compiler, or the build failed; says why and what to do.
    """
    flags = _flags()
    peers = peers_of(cache)
    folder = peers.folder
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not peers.complete:
            if shutil.which("cmake") is None:
                raise UsageError("the peers are compiled with CMake, which is missing: apt install cmake")
            with _scratch() as scratch:
                on_step("unpacking llama.cpp's source")
                source = unpack(scratch)
                on_step(f"compiling {', '.join(_TARGETS)}")
                built = _compile(source, scratch / "build", flags)
                for name in _TARGETS:
                    with atomic_path(folder / name) as temporary:
                        shutil.copy(built / name, temporary)
                    (folder / name).chmod(0o755)
    return peers


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="quant-triage-peers-") as folder:
        yield Path(folder)


def _compile(source: Path, build: Path, flags: list[str]) -> Path:
    _run(["cmake", "-S", str(source), "-B", str(build), *flags])
    _run(["cmake", "--build", str(build), "--parallel", str(os.cpu_count() or 1), "--target", *_TARGETS])
    return build / "bin"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        errors = [line for line in said if "error" in line.lower()] or said[-1:]
        raise UsageError(f"{' '.join(command[:3])} … failed, it says: {errors[0].strip()}")
