"""The folder that ships: written only when a level was selected, and removed when none is."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from quant_triage.data import IntegrityError, atomic_write, sha256_file
from quant_triage.harness import Result
from quant_triage.reports import render_card


def deploy(result: Result, files: Iterable[Path], folder: Path) -> Path | None:
    """Put the selected GGUF, its card, SHA256SUMS and the decision into ``folder``.

    A stale folder is always removed first, so that nothing outlives the decision that allowed it.

    Raises:
        IntegrityError: No file has the hash that was judged.
    """
    shutil.rmtree(folder, ignore_errors=True)
    decision = result.decision
    if decision.status != "selected":
        return None
    chosen = next(model for model in result.models if model.name == decision.model)
    source = next((path for path in files if sha256_file(path) == chosen.sha256), None)
    if source is None:
        raise IntegrityError(f"no file has the sha256 {chosen.sha256} that was judged: run again")
    building = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    target = building / source.name
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    atomic_write(building / "README.md", render_card(result, chosen.level))
    atomic_write(building / "decision.json", decision.model_dump_json(indent=2) + "\n")
    names = sorted(path.name for path in building.iterdir())
    sums = "".join(f"{sha256_file(building / name)}  {name}\n" for name in names)
    atomic_write(building / "SHA256SUMS", sums)
    building.replace(folder)
    return folder
