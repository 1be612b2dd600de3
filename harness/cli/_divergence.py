"""Divergence beside the verdicts: every level against the unquantized model, on that model's own replies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import QuantTriageError, Record, atomic_write, sha256_text
from quant_triage.harness import Divergence, FirstDifference, KindDivergence, ModelResult, Result
from quant_triage.harness.engines import GgufSource, Source
from quant_triage.quantize import Divergence as Measured
from quant_triage.quantize import diverge

from ._console import say
from ._progress import Stages
from ._templating import Exchange, templated

_FILE = "divergence.json"


class _Kept(Record):
    """Measured divergences by what they were measured on: both models' hashes and the texts."""

    measured: dict[str, Measured] = {}


def with_divergence(
    result: Result, sources: Sequence[Source], folder: Path, stages: Stages, *, threads: int = 0
) -> Result:
    """Add the divergence of every GGUF from the GGUF reference, where there is one; a failure adds none.

    The reference's own replies are read by both (teacher forcing), so that levels are compared on the same
    tokens. What was measured is kept in ``divergence.json``. It never changes a verdict.
    """
    paths = {source.card.sha256: source.path for source in sources if isinstance(source, GgufSource)}
    reference = next((m for m in result.models if m.name == result.reference and m.sha256 in paths), None)
    levels = [
        m for m in result.models if m.sha256 in paths and m is not reference and m.outcome.status == "ok"
    ]
    if reference is None or not levels or not reference.replies:
        return result
    exchanges = [Exchange(prompt=r.prompt, reply=r.reply) for r in reference.replies if r.reply.strip()]
    kept = _read(folder / _FILE)
    found: dict[str, Measured] = {}
    stage = stages.open("comparing with the reference", len(levels))
    try:
        texts = templated(paths[reference.sha256], exchanges)
        for number, level in enumerate(levels):
            key = sha256_text(reference.sha256, level.sha256, *(part for pair in texts for part in pair))
            stage.update(number, level.name)
            if key not in kept:
                kept[key] = diverge(paths[reference.sha256], paths[level.sha256], texts, threads=threads)
                atomic_write(folder / _FILE, _Kept(measured=kept).model_dump_json(indent=2) + "\n")
            found[level.sha256] = kept[key]
    except QuantTriageError as error:
        say(f"note: divergence is not known: {error}")
    stage.finish(f"{len(found)} levels on {len(exchanges)} replies")
    return result.model_copy(update={"models": tuple(_add(model, found) for model in result.models)})


def _read(path: Path) -> dict[str, Measured]:
    try:
        return dict(_Kept.model_validate_json(path.read_text(encoding="utf-8")).measured)
    except (OSError, ValidationError, UnicodeDecodeError):
        return {}


def _add(model: ModelResult, found: Mapping[str, Measured]) -> ModelResult:
    measured = found.get(model.sha256)
    if measured is None:
        return model
    first = measured.first and FirstDifference.model_validate(measured.first.model_dump())
    divergence = Divergence(
        kl_mean=measured.kl_mean,
        top1=measured.top1,
        ppl=measured.ppl,
        kinds={kind: KindDivergence(**part.model_dump()) for kind, part in measured.kinds.items()},
        first=first,
    )
    return model.model_copy(update={"divergence": divergence})
