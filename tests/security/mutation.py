"""A GGUF damaged in its header, as a hostile or broken file might be; the same seed, the same damage."""

import os
import random
import struct
from pathlib import Path

_TELLING = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


def mutate(header: bytes, seed: int) -> bytes:
    """Damage a header in one to four places: bytes, bits, counts, lengths, pieces moved, an early end."""
    draw = random.Random(seed)
    damaged = bytearray(header)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(damaged))
        match draw.randrange(5):
            case 0:
                damaged[place] = draw.randrange(256)
            case 1:
                damaged[place] ^= 1 << draw.randrange(8)
            case 2:
                damaged[place : place + 8] = struct.pack("<Q", draw.choice(_TELLING))
            case 3:
                damaged[place : place + 4] = struct.pack("<I", draw.choice(_TELLING) & 0xFFFFFFFF)
            case _:
                other, length = draw.randrange(len(damaged)), draw.randrange(64)
                damaged[place : place + length] = damaged[other : other + length]
    if draw.random() < 0.05:
        del damaged[draw.randrange(1, len(damaged)) :]
    return bytes(damaged)


def write(path: Path, header: bytes, size: int) -> Path:
    """Write a file of a damaged header and as many zeros as the whole one has; those take no room on disk."""
    with path.open("wb") as file:
        file.write(header)
        if len(header) * 2 > 1024:  # one that was cut off stays so
            os.truncate(file.fileno(), size)
    return path
