"""Merge an adapter into its base by streaming: every byte is copied, and only the targeted matrices change.

Loading a model and saving it again loses what the library does not know (with Transformers 5, Gemma 3n's key
and value weights of layers that share them) and needs a model's memory. Here each shard is copied front to
back; on the way each targeted tensor is recomputed, a block of rows at a time, in float32, without torch.
"""

import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from quant_triage.data import Record, UsageError, atomic_write, sha256_files, sha256_text, usable_cores

from ._adapter import check_base
from ._base import WEIGHTS, base_sha256, resolve_base
from ._folders import atomic_folder
from ._lora import CONFIG as ADAPTER_CONFIG
from ._lora import WEIGHTS as ADAPTER_WEIGHTS
from ._lora import LoraPair, read_lora
from ._safetensors import FLOAT_TYPES, TensorPlace, from_float32, read_places, stored_view, to_float32

MERGE_INFO = "quant_triage_merge.json"
"""Written last into a merged checkpoint: its presence says that the merge finished."""

_COPIED = ("*.json", "*.jinja", "*.model", "*.txt", "LICENSE*", "NOTICE*")
_BLOCK = 1 << 18
"""Weights that are changed at once: 1 MiB as float32, so that a block stays in the processor's cache."""

_COPY = 1 << 20

_LAYER = re.compile(r"(?:^|\.)(layers\.\d+\..+)$")
_OTHER_SENSES = re.compile(r"vision|audio")


class MergeInfo(Record):
    """A finished merge: what went in, which tensors changed, and the sha256 of every file that came out."""

    key: str
    base: str
    base_sha256: str
    adapter_sha256: str
    adapter_key: str | None
    changed: tuple[str, ...]
    files: dict[str, str]


class _Target(Record):
    """Where one of the base's tensors lies."""

    name: str
    file: Path
    place: TensorPlace


def merge(base: str | Path, adapter: Path, out: Path) -> MergeInfo:
    """Write a standalone checkpoint of the base with the adapter's change added.

    Targeted tensors are ``W + scale * B @ A``, computed in float32 and rounded once to the base's own type;
    all others, configuration, tokenizer and chat template are copied byte for byte, in the base's own shards.
    The folder appears only when complete; a rerun with the same inputs keeps it.

    Args:
        base: Checkpoint folder or hub id; the one that the adapter was trained on.
        adapter: Folder with ``adapter_config.json`` and ``adapter_model.safetensors``.
        out: Folder of the merged checkpoint.

    Raises:
        UsageError: The adapter belongs to another base, or uses something that cannot be merged exactly.
        FileFormatError: A file is malformed.
        NotEnoughSpaceError: The disk is full; nothing is left.
    """
    folder = resolve_base(base)
    pairs = read_lora(adapter)
    base_hash = base_sha256(folder)
    trained = check_base(adapter, base, base_hash)
    adapter_hash = sha256_text(*sha256_files(adapter / name for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)))
    key = sha256_text(base_hash, adapter_hash)
    if (done := _finished(out, key)) is not None:
        return done
    targets = _match(pairs, _tensors(folder), adapter)
    with atomic_folder(out, MERGE_INFO) as temporary:
        for pattern in _COPIED:
            for file in folder.glob(pattern):
                shutil.copyfile(file, temporary / file.name)
        _write_shards(folder, targets, temporary)
        written = sorted(temporary.iterdir())
        info = MergeInfo(
            key=key,
            base=str(base),
            base_sha256=base_hash,
            adapter_sha256=adapter_hash,
            adapter_key=trained.key if trained else None,
            changed=tuple(sorted(target.name for _, target in targets)),
            files=dict(zip((file.name for file in written), sha256_files(written), strict=True)),
        )
        atomic_write(temporary / MERGE_INFO, info.model_dump_json(indent=2) + "\n")
    return info


def read_merge_info(folder: Path) -> MergeInfo | None:
    """Return what is known of a checkpoint that was merged here, or ``None`` of any other."""
    try:
        return MergeInfo.model_validate_json((folder / MERGE_INFO).read_bytes())
    except (OSError, ValidationError):
        return None


def _finished(out: Path, key: str) -> MergeInfo | None:
    """Return an earlier merge of the same inputs if all its files are as they were written."""
    info = read_merge_info(out)
    if info is None or info.key != key:
        return None
    files = [out / name for name in info.files]
    intact = all(file.is_file() for file in files) and sha256_files(files) == list(info.files.values())
    return info if intact else None


def _tensors(folder: Path) -> dict[str, _Target]:
    return {
        name: _Target(name=name, file=file, place=place)
        for file in sorted(folder.glob(WEIGHTS))
        for name, place in read_places(file).items()
    }


def _match(
    pairs: list[LoraPair], tensors: Mapping[str, _Target], adapter: Path
) -> list[tuple[LoraPair, _Target]]:
    """Find the base's tensor of each pair.

    Raises:
        UsageError: There is none, or several, or one of another shape or type.
    """
    by_layer: dict[str, list[_Target]] = {}
    for name, target in tensors.items():
        if (match := _LAYER.search(name)) and not _OTHER_SENSES.search(name):
            by_layer.setdefault(match[1], []).append(target)
    found = []
    for pair in pairs:
        name = f"{pair.module}.weight"
        # Libraries name the same module differently from its checkpoint, all but its place in the layers.
        layer = _LAYER.search(name)
        candidates = [tensors[name]] if name in tensors else by_layer.get(layer[1], []) if layer else []
        if len(candidates) != 1:
            raise UsageError(
                f"{str(adapter)!r} changes {pair.module!r}, which the base lacks: give the adapter's own base"
            )
        target = candidates[0]
        if target.place.shape != pair.shape:
            raise UsageError(
                f"{str(adapter)!r} changes {pair.module!r} of shape {pair.shape}, but the base's has "
                f"{target.place.shape}: give the adapter's own base"
            )
        if target.place.dtype not in FLOAT_TYPES:
            raise UsageError(
                f"the base stores {target.name!r} as {target.place.dtype}: give the unquantized base"
            )
        found.append((pair, target))
    return found


def _write_shards(folder: Path, targets: list[tuple[LoraPair, _Target]], out: Path) -> None:
    """Write every shard, one on each core: NumPy and the disk let other threads run.

    The products are too thin (rank by columns) for BLAS threads: with them it takes ten times as long.
    """

    def write(shard: Path) -> None:
        changes = [(pair, target) for pair, target in targets if target.file == shard]
        _write_shard(shard, sorted(changes, key=lambda change: change[1].place.begin), out)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        list(pool.map(write, folder.glob(WEIGHTS)))


def _write_shard(shard: Path, changes: list[tuple[LoraPair, _Target]], out: Path) -> None:
    """Write a shard once, front to back: the targeted tensors recomputed, all between them copied."""
    with shard.open("rb") as source, (out / shard.name).open("wb") as copy:
        for pair, target in changes:
            _copy(source, copy, target.place.begin - source.tell())
            _change(pair, target, copy)
            source.seek(target.place.end)
        shutil.copyfileobj(source, copy, _COPY)


def _copy(source: BinaryIO, copy: BinaryIO, length: int) -> None:
    while length > 0:
        block = source.read(min(length, _COPY))
        copy.write(block)
        length -= len(block)


def _change(pair: LoraPair, target: _Target, copy: BinaryIO) -> None:
    """Write one recomputed tensor, a block of rows at a time."""
    place = target.place
    stored = stored_view(target.file, place)
    rows, columns = place.shape
    step = max(1, _BLOCK // columns)
    for row in range(0, rows, step):
        changed = pair.apply(to_float32(stored[row : row + step], place.dtype), row)
        if not np.isfinite(changed).all():
            raise UsageError(f"merging makes {target.name!r} infinite: train again at a lower learning rate")
        copy.write(from_float32(changed, place.dtype))
