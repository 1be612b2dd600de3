"""How a result came to be: versions, machine, command and settings, enough to repeat it."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from quant_triage.data import public_argument

from ._policy import Policy
from ._records import Sampling
from ._result import Provenance

_PACKAGES = (
    "quant-triage",
    "llama-cpp-python",
    "gguf",
    "spacy",
    "scipy",
    "pandas",
    "torch",
    "transformers",
    "peft",
    "trl",
)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> dict[str, str]:
    """Describe this machine: system, architecture, processor, cores, memory."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
    }


def command_line() -> str:
    """Return the command that this process was started with, ready to be typed again where it was.

    Paths outside the current folder are given by their name: a report is published, and they are private.
    """
    return shlex.join([Path(sys.argv[0]).name, *map(public_argument, sys.argv[1:])])


def provenance(
    *, started: str, resumed: bool, sampling: Sampling, policy: Policy, lineage: dict[str, str] | None = None
) -> Provenance:
    """Record the command, versions, machine, sampling and policy of the run that ends now."""
    return Provenance(
        command=command_line(),
        started=started,
        finished=now(),
        resumed=resumed,
        versions=_versions(),
        machine=machine(),
        sampling=sampling.model_dump(),
        policy=policy.model_dump(mode="json"),
        lineage=lineage or {},
    )
