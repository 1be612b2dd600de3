"""Split a data set by turns: split.py DATA BASE TUNE HELD_OUT. The tuning learns what the base never saw."""

import sys
from pathlib import Path

data, *outs = map(Path, sys.argv[1:])
lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
turns = [[0, 2, 4, 6, 8], [1, 3, 5, 7], [9]]
for out, places in zip(outs, turns, strict=True):
    out.write_text("".join(line for i, line in enumerate(lines) if i % 10 in places), encoding="utf-8")
