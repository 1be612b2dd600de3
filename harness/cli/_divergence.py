"""Divergence beside the verdicts: every level against the unquantized model, on that model's own replies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
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
_MOST_BYTES = 1 << 30  # of the models that are read side by side, together; a larger one is read alone


class _Kept(Record):
    """Measured divergences by what they were measured on: both models' hashes and the texts."""

    measured: dict[str, Measured] = {}


def with_divergence(
    result: Result, sources: Sequence[Source], folder: Path, stages: Stages, *, threads: int = 0
) -> Result:
    """Add the divergence of every GGUF from the GGUF reference, where there is one; a failure adds none.

    The reference's own replies are read by all (teacher forcing), so that levels are compared on the same
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
    stage = stages.open("comparing with the reference", len(levels) * len(exchanges))
    found: dict[str, Measured] = {}
    try:
        texts = templated(paths[reference.sha256], exchanges)
        keys = {level.sha256: sha256_text(reference.sha256, level.sha256, *chain(*texts)) for level in levels}
        kept = _read(folder / _FILE)
        missing = [paths[level.sha256] for level in levels if keys[level.sha256] not in kept]
        of = {paths[level.sha256]: keys[level.sha256] for level in levels}
        done = (len(levels) - len(missing)) * len(texts)
        for group in _side_by_side(missing):

            def show(read: int, before: int = done, size: int = len(group)) -> None:
                stage.update(before + read * size, f"replies by {size} levels at once")

            measured = _compare(paths[reference.sha256], group, texts, threads, show)
            kept |= {of[path]: divergence for path, divergence in measured.items()}
            atomic_write(folder / _FILE, _Kept(measured=kept).model_dump_json(indent=2) + "\n")
            done += len(group) * len(texts)
        found = {sha256: kept[key] for sha256, key in keys.items() if key in kept}
    except QuantTriageError as error:
        say(f"note: divergence is not known: {error}")
    stage.finish(f"{len(found)} levels on {len(exchanges)} replies")
    return result.model_copy(update={"models": tuple(_add(model, found) for model in result.models)})


def _side_by_side(models: Sequence[Path]) -> Iterator[list[Path]]:
    """Group models to be read together: small ones, to lose little when interrupted and spare memory."""
    group: list[Path] = []
    room = _MOST_BYTES
    for model in models:
        size = model.stat().st_size
        if group and size > room:
            yield group
            group, room = [], _MOST_BYTES
        group.append(model)
        room -= size
    if group:
        yield group


def _compare(
    reference: Path,
    models: list[Path],
    texts: Sequence[tuple[str, str]],
    threads: int,
    show: Callable[[int], None],
) -> dict[Path, Measured]:
    """Measure models together; where that fails one by one, so that none takes the others along."""
    try:
        found = diverge(
            reference, models, texts, threads=threads, on_progress=lambda read, _total: show(read)
        )
    except QuantTriageError as error:
        if len(models) > 1:
            alone = [_compare(reference, [model], texts, threads, show) for model in models]
            return dict(chain.from_iterable(one.items() for one in alone))
        say(f"note: how far {models[0].name} has moved is not known: {error}")
        return {}
    return dict(zip(models, found, strict=True))


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
