"""Nominal size of each quantization level, for ordering where there is no file to measure."""

import re

# Bits per weight of a large transformer, as llama.cpp's quantize tool states them, rounded.
_NOMINAL_BITS: dict[str, float] = {
    "F32": 32.0, "BF16": 16.0, "F16": 16.0, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_1": 6.0, "Q5_K_M": 5.67,
    "Q5_K_S": 5.52, "Q5_0": 5.5, "Q4_1": 5.0, "Q4_K_M": 4.83, "Q4_K_S": 4.57, "Q4_0": 4.54,
    "IQ4_NL": 4.53, "IQ4_XS": 4.28, "MXFP4_MOE": 4.25, "NVFP4": 4.5, "Q3_K_L": 4.22, "Q3_K_M": 3.89,
    "IQ3_M": 3.66, "Q3_K_S": 3.49, "IQ3_S": 3.47, "IQ3_XS": 3.3, "IQ3_XXS": 3.06, "Q2_K": 2.96,
    "Q2_K_S": 2.75, "IQ2_M": 2.7, "IQ2_S": 2.5, "IQ2_XS": 2.31, "TQ2_0": 2.06, "IQ2_XXS": 2.06,
    "IQ1_M": 1.75, "TQ1_0": 1.69, "IQ1_S": 1.56, "Q1_0": 1.13,
}  # fmt: skip

UNQUANTIZED = frozenset({"F32", "F16", "BF16"})


def nominal_bits(level: str) -> float:
    """Bits per weight that a level's name promises; 0 for a name that llama.cpp does not know."""
    return _NOMINAL_BITS.get(level.upper(), 0.0)


def known_level(name: str) -> str | None:
    """The level that a file or model name mentions, such as ``Q4_K_M`` in ``gemma-it.q4_k_m.gguf``."""
    words = re.findall(r"[A-Za-z0-9_]+", name)
    return next((word.upper() for word in reversed(words) if word.upper() in _NOMINAL_BITS), None)
