"""How numbers and times are written."""

from datetime import UTC, datetime

NOT_KNOWN = "n/a"


def percent(share: float | None) -> str:
    """Write a share, 0 to 1, as a percentage: whole where it is whole or at least 10 %, else one decimal."""
    if share is None:
        return NOT_KNOWN
    whole = abs(share * 100 - round(share * 100)) < 1e-9 or share >= 0.0995
    return f"{share:.0%}" if whole else f"{share:.1%}"


def bound(share: float) -> str:
    """Write a bound as a percentage with one decimal, so that near a limit it can be told from it."""
    return "100%" if share >= 0.9995 else f"{share:.1%}"


def size(count: int | None) -> str:
    """Write bytes in decimal units, as files are sold: ``2.70 GB``."""
    if count is None:
        return NOT_KNOWN
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB" if value < 10 else f"{value:.1f} GB"


def decimals(value: float | None, digits: int = 2) -> str:
    """Write a number with so many decimals."""
    return NOT_KNOWN if value is None else f"{value:.{digits}f}"


def divergence(value: float | None) -> str:
    """Write a Kullback-Leibler divergence in nats: three decimals, or two figures where it is tiny."""
    if value is None:
        return NOT_KNOWN
    return f"{value:.3f}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def moment(when: datetime) -> str:
    """Write a time to the minute, in UTC; one without a zone as it stands."""
    if when.tzinfo is None:
        return f"{when:%Y-%m-%d %H:%M}"
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
