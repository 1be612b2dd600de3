"""A seed for every sample of every prompt."""

import hashlib


def sample_seed(seed: int, prompt: str, sample: int) -> int:
    """A seed of 31 bits for one sample of one prompt, independent of all others."""
    digest = hashlib.sha256(f"{seed}\0{sample}\0{prompt}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1
