"""Where labels stand on a picture, so that none covers a mark, a line or another label."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Pixels: a letter's width, a label's height, the space beside it, a step away from the mark, the first step.
_LETTER, _HEIGHT, _SPACE, _STEP, _NEAR = 7.6, 15.0, 6.0, 15.0, 19.0


class Mark(NamedTuple):
    """A mark with a line down from it; pixels from the top left."""

    text: str
    x: float
    y: float
    foot: float


class Placed(NamedTuple):
    """A label's middle, where its leader comes from, and whether it needs one."""

    text: str
    x: float
    y: float
    from_x: float
    from_y: float
    apart: bool


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def _around(text: str, x: float, y: float) -> _Box:
    half = (len(text) * _LETTER + _SPACE) / 2
    return _Box(x - half, y - _HEIGHT / 2, x + half, y + _HEIGHT / 2)


def _candidates(mark: Mark) -> Iterator[Placed]:
    """Places for a label, the best first: above, below, then farther off and aside."""
    side = len(mark.text) * _LETTER * 0.55
    for step in range(14):
        for dx in (0.0, -side, side):
            for dy in (-_NEAR - step * _STEP, _NEAR + step * _STEP):
                apart = step > 0 or dx != 0
                yield Placed(
                    mark.text, mark.x + dx, mark.y + dy, mark.x, mark.y + (11 if dy > 0 else -11), apart
                )


def place(
    marks: Sequence[Mark], limit: str, *, line: float, width: float, height: float
) -> tuple[list[Placed], Placed]:
    """Place a label for each mark, and one for the horizontal line at ``line``.

    A label that finds no free place stands right above its mark.
    """
    taken = [_Box(m.x - 10, m.y - 10, m.x + 10, m.y + 10) for m in marks]
    taken += [_Box(m.x - 3, m.y, m.x + 3, m.foot) for m in marks]
    above = max(line - 10, 8.0)
    spots = [len(limit) * _LETTER / 2 + 4 + step * 10 for step in range(int(width / 10) - 6)]
    free = (x for x in spots if not any(_around(limit, x, above).meets(box) for box in taken))
    at = next(free, spots[0])
    limit_label = Placed(limit, at, above, at, above, apart=False)
    taken += [_Box(0, line - 1, width, line + 1), _around(limit, at, above)]
    placed = []
    for mark in sorted(marks, key=lambda m: (-m.x, m.y)):
        options = list(_candidates(mark))
        chosen = options[0]
        for option in options:
            box = _around(option.text, option.x, option.y)
            inside = box.left >= 0 and box.right <= width and box.top >= 0 and box.bottom <= height - 4
            if inside and not any(box.meets(other) for other in taken):
                chosen = option
                break
        taken.append(_around(chosen.text, chosen.x, chosen.y))
        placed.append(chosen)
    return placed, limit_label
