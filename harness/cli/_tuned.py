"""Checkpoints that belong together: an adapter and its own base, and the base that others were tuned from."""

from collections.abc import Sequence

from quant_triage.harness.engines import CheckpointSource, Source
from quant_triage.training import base_sha256, check_base, read_adapter_info, read_merge_info


def check_adapters(sources: Sequence[Source]) -> None:
    """See that each adapter lies on the base that it was trained on, as far as its record tells.

    Raises:
        UsageError: One does not: it would say what nobody trained it to.
    """
    for source in sources:
        if isinstance(source, CheckpointSource) and source.adapter is not None:
            check_base(source.adapter, source.path, base_sha256(source.path))


def mark_as_base(source: Source) -> None:
    """Ask a model like the others and never select it: it is what they were tuned from."""
    source.card = source.card.model_copy(update={"base": True, "reference": False})


def find_base(sources: Sequence[Source]) -> Source | None:
    """Return the one checkpoint that another was tuned from, by their records, if there is one."""
    checkpoints = [source for source in sources if isinstance(source, CheckpointSource)]
    if len(checkpoints) == 1:
        return None  # hashing takes a while
    tuned_from = set()
    plain: dict[str, Source] = {}
    for source in checkpoints:
        merged = read_merge_info(source.path)
        if source.adapter is not None:
            record = read_adapter_info(source.adapter)  # held against its base when it was opened
            tuned_from.add(record.base_sha256 if record else base_sha256(source.path))
        elif merged is not None:
            tuned_from.add(merged.base_sha256)
        else:
            plain[base_sha256(source.path)] = source
    found = [source for sha256, source in plain.items() if sha256 in tuned_from]
    return found[0] if len(found) == 1 else None
