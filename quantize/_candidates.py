"""Recipes of every size, each with as little damage as its bytes allow, told from one group at a time."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class Option(NamedTuple):
    """A type for a group: the bytes that it takes and the damage that was measured with it alone."""

    kind: str
    bytes: int
    damage: float


class Step(NamedTuple):
    """Types of all groups, the bytes of their tensors, and the damage that is expected of them together."""

    types: dict[str, str]
    bytes: int
    damage: float


def between(bits: float, measured: Mapping[float, float]) -> float:
    """Tell the damage at so many bits a weight from the damage at one or two others.

    Its logarithm is taken to fall in a straight line. With a single point it falls by a factor of four a bit:
    a bit halves the error of a weight, and a divergence goes with the error's square.

    Args:
        bits: Of the type asked for.
        measured: Damage by bits; at least one, and none need be positive.
    """
    points = sorted(measured.items())
    (low, most), (high, least) = points[0], points[-1]
    if most <= 0 or least <= 0 or low == high:
        return max(0.0, most) * math.pow(4.0, low - bits)
    slope = math.log(least / most) / (high - low)
    return most * math.exp(slope * (bits - low))


def descend(options: Mapping[str, Sequence[Option]]) -> Iterator[Step]:
    """Walk from the largest recipe to the smallest, always where a byte costs least damage.

    Damages of single groups are added up, as if groups did not interact: good enough to propose recipes,
    which are then measured as they are. (The walk is the greedy solution of a multiple-choice knapsack, on
    whose convex hull it is exact.)

    Args:
        options: What each group may get.
    """
    ladders = {group: sorted(of, key=lambda o: -o.bytes) for group, of in options.items() if of}
    place = dict.fromkeys(ladders, 0)
    while True:
        chosen = {group: ladders[group][at] for group, at in place.items()}
        yield Step(
            types={group: option.kind for group, option in chosen.items()},
            bytes=sum(option.bytes for option in chosen.values()),
            damage=sum(option.damage for option in chosen.values()),
        )
        moves = [
            ((ladders[group][to].damage - now.damage) / (now.bytes - ladders[group][to].bytes), group, to)
            for group, now in chosen.items()
            for to in range(place[group] + 1, len(ladders[group]))
            if ladders[group][to].bytes < now.bytes
        ]
        if not moves:
            return
        _, group, to = min(moves)
        place[group] = to


def spread(steps: Iterable[Step], count: int) -> list[Step]:
    """Choose ``count`` steps whose sizes lie evenly between the smallest and the largest."""
    found = sorted(steps, key=lambda step: step.bytes)
    if len(found) <= count:
        return found
    least, most = found[0].bytes, found[-1].bytes
    chosen = {
        min(
            range(len(found)),
            key=lambda i, n=number: abs(found[i].bytes - least - (most - least) * n / max(1, count - 1)),  # type: ignore[misc]
        )
        for number in range(count)
    }
    return [found[i] for i in sorted(chosen)]
