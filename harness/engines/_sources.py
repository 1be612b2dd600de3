"""How a spec becomes sources: ours by what the spec is, others' through registered entry points."""

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from quant_triage.data import QuantTriageError, UsageError, without_credentials

from .._records import Hardware, ModelCard, Sampling
from ._checkpoint import CheckpointSource, is_checkpoint
from ._endpoint import open_endpoint
from ._gguf import read_header
from ._levels import nominal_bits
from ._llamacpp import GgufSource
from ._recorded import open_recorded
from ._source import Source

_LOG = logging.getLogger(__name__)

ENTRY_POINTS = "quant_triage.engines"

Opener = Callable[[str, Sampling, Hardware], Sequence[Source] | None]
"""What an entry point names: returns the spec's sources, or ``None`` for a spec that is not its own."""


def _folder(path: Path, sampling: Sampling, hardware: Hardware) -> list[GgufSource]:
    files = sorted(path.glob("*.gguf"))
    if not files:
        raise UsageError(f"{str(path)!r} holds no .gguf file")
    found: dict[str, GgufSource] = {}
    for file in files:
        if (kind := read_header(file).kind) != "model":
            _LOG.info("%s holds a GGUF of type %r, not a model: left out", file, kind)
            continue
        source = GgufSource(file, sampling, hardware)
        if twin := found.get(source.card.sha256):
            _LOG.warning("%s is the same model as %s: left out", file, twin.path.name)
        else:
            found[source.card.sha256] = source
    if not found:
        raise UsageError(f"{str(path)!r} holds no model, only adapters, projectors or the like")
    return list(found.values())


def _bits(card: ModelCard) -> float:
    return card.bits_per_weight or nominal_bits(card.level)


def _plugins(spec: str, sampling: Sampling, hardware: Hardware) -> list[Source]:
    """Offer the spec to every registered engine; the first that takes it answers.

    Raises:
        UsageError: An engine fails, or none takes it.
    """
    tried = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            opener: Opener = entry.load()
            sources = opener(spec, sampling, hardware)
        except QuantTriageError:
            raise
        except Exception as error:
            raise UsageError(f"engine {entry.name!r} failed on {spec!r}: {error}") from error
        if sources:
            return list(sources)
        tried.append(entry.name)
    others = f", nor for the engines {', '.join(tried)}" if tried else ""
    raise UsageError(
        f"{without_credentials(spec)!r} is no GGUF, folder, recorded .jsonl or http(s) endpoint{others}: "
        "check the name"
    )


def open_sources(spec: str | Path, sampling: Sampling, hardware: Hardware) -> list[Source]:
    """Turn what a user named into models that answer: the reference first, then levels from large to small.

    Args:
        spec: A GGUF, a directory of them, a recorded ``.jsonl``, an http(s) endpoint, a checkpoint or adapter
            folder, or what an engine under the entry-point group ``quant_triage.engines`` takes.
        sampling: How to sample; the same for all.
        hardware: Threads and GPU layers.

    Raises:
        UsageError: Nothing usable is there; names it and the way out.
        FileFormatError: A file is malformed.
    """
    path = Path(spec)
    sources: Sequence[Source]
    if str(spec).startswith(("http://", "https://")):
        sources = open_endpoint(str(spec), sampling)
    elif path.is_dir():
        checkpoint = is_checkpoint(path)
        sources = (
            [CheckpointSource(path, sampling, hardware)] if checkpoint else _folder(path, sampling, hardware)
        )
    elif path.suffix == ".jsonl":
        sources = open_recorded(path)
    elif path.exists() or path.suffix == ".gguf":
        sources = [GgufSource(path, sampling, hardware)]
    else:
        sources = _plugins(str(spec), sampling, hardware)
    return sorted(
        sources, key=lambda source: (not source.card.reference, -_bits(source.card), source.card.name)
    )
