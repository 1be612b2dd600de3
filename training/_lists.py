"""The word lists of the generator: YAML files in `corpus/` whose names begin with an underscore."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent / "corpus"


@cache
def lists(name: str) -> dict[str, Any]:
    """One file of lists, such as `words` for `corpus/_words.yaml`."""
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / f"_{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def words(name: str, key: str) -> tuple[str, ...]:
    """A list of plain strings."""
    return tuple(str(word) for word in lists(name)[key])


def groups(name: str, key: str) -> tuple[tuple[str, ...], ...]:
    """A list of lists of strings, such as pairs."""
    return tuple(tuple(str(word) for word in group) for group in lists(name)[key])
