"""From the dataset to the file that ships: what each step was made from, by hash."""

from pathlib import Path

from quant_triage.data import BASE_DIR, sha256_file
from quant_triage.training import AdapterInfo, MergeInfo


def _base(base: str) -> str:
    """A hub id as it is; of a folder its name, since where it lies is private and its hash stands beside."""
    folder = Path(base)
    if not folder.is_dir():
        return base
    return "the bundled base" if folder.samefile(BASE_DIR) else f"{folder.resolve().name}, a local checkpoint"


def lineage(data: Path, adapter: AdapterInfo, merged: MergeInfo, reference: Path) -> dict[str, str]:
    """Name every step of a run in its order; the levels' own hashes stand with the models."""
    return {
        "dataset": f"{data.name}, {adapter.rows:,} rows",
        "dataset sha256": adapter.data_sha256,
        "base": _base(adapter.base),
        "base sha256": adapter.base_sha256,
        "training": f"LoRA through {adapter.backend} on {adapter.device}, {adapter.tokens:,} tokens",
        "adapter sha256": merged.adapter_sha256,
        "merge": f"{len(merged.changed)} of the base's tensors changed",
        "unquantized GGUF": reference.name,
        "unquantized GGUF sha256": sha256_file(reference),
    }
