"""What a reply is keyed by: the model's bytes, the question, how it was sampled, and the engine's build."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

from quant_triage.data import UsageError, sha256_file, sha256_text

from .._records import ModelCard, Sampling


def _library_folder() -> Path:
    override = os.environ.get("LLAMA_CPP_LIB_PATH")
    if override:
        return Path(override)
    found = importlib.util.find_spec("llama_cpp")
    if found is None or not found.submodule_search_locations:
        raise UsageError("llama-cpp-python is not installed: pip install quant-triage")
    return Path(found.submodule_search_locations[0]) / "lib"


@functools.cache
def library_hash() -> str:
    """Hex sha256 over the engine's shared libraries: two builds of one version may differ."""
    digest = hashlib.sha256()
    libraries = ("libllama", "libggml")
    files = {path.resolve() for path in _library_folder().iterdir() if path.name.startswith(libraries)}
    for path in sorted(files):
        digest.update(f"{path.name}\0{sha256_file(path)}\0".encode())
    return digest.hexdigest()


@functools.cache
def processor() -> str:
    """Model name and instruction sets of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    first: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in wanted:
            first.setdefault(name.strip(), value.strip())
    return f"{platform.machine()} " + " ".join(first.values())


_DECODER = 2
"""Rises when our own decoder changes what it puts into a batch, which can change greedy text."""


def engine_build(*, use_extra_bufts: bool) -> str:
    """Name the engine as far as it decides a reply: version, build, and whether weights are repacked."""
    version = importlib.metadata.version("llama-cpp-python")
    plain = "" if use_extra_bufts else ", plain buffers"
    return f"llama-cpp-python {version} ({library_hash()[:12]}, decoder {_DECODER}{plain})"


def reply_key(card: ModelCard, sampling: Sampling, build: str, *, prompt: str, sample: int) -> str:
    """Key of one reply: the same key means that the reply need not be generated again.

    Names play no part: neither the model's, nor the prompt's id. Slots and context do, because
    greedy text depends on the shape of the batch.

    Args:
        card: The model; its hash and its template's hash count.
        sampling: How to sample; every field counts.
        build: The engine, as ``Source.build`` names it.
        prompt: The question's text.
        sample: Which of several samples.
    """
    return sha256_text(
        card.sha256, card.template_sha256 or "", sampling.model_dump_json(), build, prompt, str(sample)
    )
