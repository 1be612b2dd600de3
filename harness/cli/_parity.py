"""Parity before judgement: the converted GGUF must compute what its checkpoint computes."""

import tempfile
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import ModelError, Record, UsageError, atomic_write, sha256_text
from quant_triage.quantize import ExpectedLogits, Parity, check_parity
from quant_triage.training import checkpoint_logits, read_dataset

from ._progress import Stages
from ._templating import Exchange, templated

_EXCHANGES = 24


class ParityRecord(Record):
    """A parity that was measured, kept beside the GGUF; ``key`` stands for both files and the exchanges."""

    key: str
    parity: Parity


def parity_stage(stages: Stages, checkpoint: Path, gguf: Path, data: Path, *, threads: int = 0) -> Parity:
    """Compare a checkpoint and its GGUF on exchanges of the data that it was trained on.

    On these the model is sure of itself; where it is not, its two best tokens may be closer than F16 can
    tell.

    Raises:
        UsageError: They do not compute the same; names the suspects. Nothing after this would be worth
            judging.
    """
    rows = read_dataset(data)
    step = max(1, len(rows) // _EXCHANGES)
    exchanges = [Exchange(prompt=row.instruction, reply=row.output) for row in rows[::step][:_EXCHANGES]]
    record = gguf.with_name(f"{gguf.stem}-parity.json")
    key = sha256_text(*_stamps(checkpoint), *_stamps(gguf), *(e.model_dump_json() for e in exchanges))
    known = _known(record, key)
    if known is None:
        stage = stages.open("comparing checkpoint and GGUF")
        known = _measure(checkpoint, gguf, exchanges, threads)
        atomic_write(record, ParityRecord(key=key, parity=known).model_dump_json(indent=2) + "\n")
        stage.finish(f"top-1 {known.top1:.2%}, KL {known.kl_mean:.1e} over {known.tokens:,} tokens")
    if known.suspects:
        raise UsageError(
            f"{str(gguf)!r} does not compute what {str(checkpoint)!r} computes; suspects: "
            f"{'; '.join(known.suspects)}. Nothing was judged: mend the conversion first"
        )
    return known


def _measure(checkpoint: Path, gguf: Path, exchanges: list[Exchange], threads: int) -> Parity:
    rendered = templated(gguf, exchanges)
    with tempfile.TemporaryDirectory(prefix="quant-triage-") as folder:
        found = checkpoint_logits(checkpoint, [(e.prompt, e.reply) for e in exchanges], Path(folder))
        expected = [
            ExpectedLogits(
                text=item.text,
                rendered=before + reply,
                tokens=item.tokens,
                first=item.first,
                logits=item.logits,
            )
            for item, (before, reply) in zip(found, rendered, strict=False)
        ]
        try:
            return check_parity(gguf, expected, threads=threads)
        except ModelError as error:
            raise UsageError(
                f"{str(gguf)!r} cannot be compared with {str(checkpoint)!r}: {error.cause}; "
                "suspects: tensors missing"
            ) from error


def _stamps(path: Path) -> list[str]:
    """Names, sizes and times of a file, or of a folder's files: whether anything was made anew."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]


def _known(record: Path, key: str) -> Parity | None:
    try:
        known = ParityRecord.model_validate_json(record.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
    return known.parity if known.key == key else None
