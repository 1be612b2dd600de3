"""From the dataset to the file that ships: what each step was made from, by hash."""

from pathlib import Path

from quant_triage.data import sha256_file
from quant_triage.training import AdapterInfo, MergeInfo


def lineage(data: Path, adapter: AdapterInfo, merged: MergeInfo, reference: Path) -> dict[str, str]:
    """Name every step of a run in its order; the levels' own hashes stand with the models."""
    return {
        "dataset": f"{data.name}, {adapter.rows:,} rows",
        "dataset sha256": adapter.data_sha256,
        "base": adapter.base,
        "base sha256": adapter.base_sha256,
        "training": f"LoRA through {adapter.backend} on {adapter.device}, {adapter.tokens:,} tokens",
        "adapter sha256": merged.adapter_sha256,
        "merge": f"{len(merged.changed)} of the base's tensors changed",
        "unquantized GGUF": reference.name,
        "unquantized GGUF sha256": sha256_file(reference),
    }
