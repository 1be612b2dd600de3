"""Carry checkpoints off a machine that gives back few, small files.

    parcel.py pack OUT BASE MERGED FOLDER...    parcel.py unpack PARTS_FOLDER OUT

A merged checkpoint is kept as its difference (XOR) from the base, whose shards it shares; bfloat16 is split
into its two bytes, because only the upper one compresses. Unpacking checks every file's sha256.
"""

import hashlib
import io
import json
import lzma
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

PART_BYTES = 15_500_000
LIST = "files.json"


def _packed(data: bytes) -> bytes:
    return lzma.compress(data, preset=1)


def pack(out: Path, base: Path, merged: Path, folders: list[Path]) -> None:
    """Write the folders' files as numbered parts into ``out``."""
    files = {
        f"{folder.name}/{file.name}": file.read_bytes()
        for folder in (base, merged, *folders)
        for file in sorted(folder.iterdir())
        if file.is_file()
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    for name in list(files):
        folder, _, file = name.partition("/")
        if folder == merged.name and file.endswith(".safetensors"):
            pair = [np.frombuffer(files[key], np.uint8) for key in (f"{base.name}/{file}", name)]
            files[name] = (pair[0] ^ pair[1]).tobytes()
    planes = {f"{name}.{plane}": data[plane::2] for name, data in files.items() for plane in range(2)} | {
        LIST: json.dumps({"base": base.name, "merged": merged.name, "sha256": sums}, indent=2).encode()
    }
    with ThreadPoolExecutor() as pool:
        packed = dict(zip(planes, pool.map(_packed, planes.values()), strict=True))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, data in packed.items():
            member = tarfile.TarInfo(f"{name}.xz")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    content = whole.getvalue()
    for part, start in enumerate(range(0, len(content), PART_BYTES)):
        (out / f"parcel.{part}").write_bytes(content[start : start + PART_BYTES])
    print(f"{len(content):,} bytes in {-(-len(content) // PART_BYTES)} parts; {len(sums)} files")


def unpack(parts: Path, out: Path) -> None:
    """Write the files of the parts below ``out``, or stop at one whose sha256 is another."""
    numbered = sorted(parts.glob("parcel.*"), key=lambda path: int(path.suffix[1:]))
    with tarfile.open(fileobj=io.BytesIO(b"".join(path.read_bytes() for path in numbered))) as tar:
        packed = {member.name.removesuffix(".xz"): tar.extractfile(member) for member in tar}
        planes = {name: lzma.decompress(file.read()) for name, file in packed.items() if file}
    listed = json.loads(planes[LIST])
    for name, expected in listed["sha256"].items():
        data = np.empty(sum(len(planes[f"{name}.{plane}"]) for plane in range(2)), np.uint8)
        for plane in range(2):
            data[plane::2] = np.frombuffer(planes[f"{name}.{plane}"], np.uint8)
        folder, _, file = name.partition("/")
        if folder == listed["merged"] and file.endswith(".safetensors"):
            data ^= np.frombuffer((out / listed["base"] / file).read_bytes(), np.uint8)
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.tobytes())
        if hashlib.sha256(data.tobytes()).hexdigest() != expected:
            sys.exit(f"{target} is not what was packed")
    print(f"{len(listed['sha256'])} files in {out}, each with the sha256 that it was packed with")


if sys.argv[1] == "pack":
    pack(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), [Path(name) for name in sys.argv[5:]])
else:
    unpack(Path(sys.argv[2]), Path(sys.argv[3]))
