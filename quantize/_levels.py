"""The quantization levels of llama.cpp: names, numbers, order, and which need an importance matrix."""

from quant_triage.data import Record, UsageError


class Level(Record):
    """One level of the ladder.

    ``ftype`` is llama.cpp's ``llama_ftype``. Levels that need an importance matrix would be garbage without
    one, and the quantizer refuses to make them.
    """

    name: str
    ftype: int
    needs_imatrix: bool = False


_ASCENDING = (
    Level(name="Q1_0", ftype=40),
    Level(name="IQ1_S", ftype=24, needs_imatrix=True),
    Level(name="TQ1_0", ftype=36),
    Level(name="IQ1_M", ftype=31, needs_imatrix=True),
    Level(name="IQ2_XXS", ftype=19, needs_imatrix=True),
    Level(name="TQ2_0", ftype=37),
    Level(name="Q2_0", ftype=41),
    Level(name="IQ2_XS", ftype=20, needs_imatrix=True),
    Level(name="IQ2_S", ftype=28, needs_imatrix=True),
    Level(name="IQ2_M", ftype=29, needs_imatrix=True),
    Level(name="Q2_K_S", ftype=21, needs_imatrix=True),
    Level(name="Q2_K", ftype=10),
    Level(name="IQ3_XXS", ftype=23, needs_imatrix=True),
    Level(name="IQ3_XS", ftype=22, needs_imatrix=True),
    Level(name="Q3_K_S", ftype=11),
    Level(name="IQ3_S", ftype=26),
    Level(name="IQ3_M", ftype=27),
    Level(name="Q3_K_M", ftype=12),
    Level(name="Q3_K_L", ftype=13),
    Level(name="IQ4_XS", ftype=30),
    Level(name="MXFP4_MOE", ftype=38),
    Level(name="Q4_0", ftype=2),
    Level(name="IQ4_NL", ftype=25),
    Level(name="Q4_K_S", ftype=14),
    Level(name="Q4_K_M", ftype=15),
    Level(name="Q4_1", ftype=3),
    Level(name="Q5_0", ftype=8),
    Level(name="Q5_K_S", ftype=16),
    Level(name="Q5_K_M", ftype=17),
    Level(name="Q5_1", ftype=9),
    Level(name="Q6_K", ftype=18),
    Level(name="Q8_0", ftype=7),
    Level(name="F16", ftype=1),
    Level(name="BF16", ftype=32),
    Level(name="F32", ftype=0),
)

LEVELS: dict[str, Level] = {level.name: level for level in _ASCENDING}
"""Every level that the quantizer can write, in order of nominal bits per weight, fewest first."""

_NAMES = list(LEVELS)
ALL_LEVELS: tuple[str, ...] = tuple(
    name
    for name in _NAMES[_NAMES.index("Q2_K") : _NAMES.index("Q4_K_M") + 1]
    if not LEVELS[name].needs_imatrix and name != "MXFP4_MOE"
)
"""The ladder from Q2_K to Q4_K_M: the eleven levels for dense models that need no importance matrix."""

ALL_WITH_IMATRIX: tuple[str, ...] = tuple(
    name for name in _NAMES if name in ALL_LEVELS or name in {"IQ3_XXS", "IQ3_XS"}
)
"""The same with the two levels between them that an importance matrix unlocks."""


def parse_levels(text: str, *, imatrix: bool = False) -> tuple[Level, ...]:
    """Parse ``all``, or names separated by commas, in any case; doubles are dropped, the order is kept.

    Args:
        text: What to parse.
        imatrix: Whether there is an importance matrix, which ``all`` then makes use of.

    Raises:
        UsageError: A name is unknown, or there is none.
    """
    names = [part.strip().upper() for part in text.split(",") if part.strip()]
    if not names:
        raise UsageError(f"no level in {text!r}: name 'all' or some of {', '.join(LEVELS)}")
    chosen: dict[str, Level] = {}
    for name in names:
        if name == "ALL":
            chosen |= {known: LEVELS[known] for known in (ALL_WITH_IMATRIX if imatrix else ALL_LEVELS)}
        elif name in LEVELS:
            chosen[name] = LEVELS[name]
        else:
            raise UsageError(f"unknown level {name!r}: name 'all' or some of {', '.join(LEVELS)}")
    return tuple(chosen.values())
