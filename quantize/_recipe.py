"""Recipes: a level, and tensors that get another type than the level gives them."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field, field_validator

from quant_triage.data import FileFormatError, Record, UsageError, atomic_write, read_yaml, sha256_text

from ._gguf import TYPE_NUMBERS
from ._levels import LEVELS, Level

_FOLDER = Path(__file__).parent / "recipes"
_PLAIN_NAME = re.compile(r"[\w.-]+")


class _Text(Record):
    """A recipe's file: regular expressions over whole tensor names, the first match counts."""

    about: str = ""
    base: str
    types: dict[str, str] = Field(min_length=1)

    @field_validator("base")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value not in LEVELS or value in {"F32", "F16", "BF16"}:
            raise ValueError(f"is not a level to start from: one of {', '.join(LEVELS)}")
        return value

    @field_validator("types")
    @classmethod
    def _known_types(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern, kind in value.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
            if kind not in TYPE_NUMBERS:
                raise ValueError(f"{kind!r} is not a type of ggml, such as Q4_K or Q6_K")
        return value


class Recipe(Record):
    """What to give each tensor: the type of the first pattern that matches its whole name, or the level's.

    Attributes:
        name: Name of the file without its ending; the emitted file and its level are called so.
        base: The level that decides all else.
        types: Regular expressions and ggml types.
        about: What is and is not known of it.
    """

    name: str
    base: Level
    types: dict[str, str]
    about: str = ""

    @property
    def sha256(self) -> str:
        """Hash of everything that decides its bytes."""
        return sha256_text(self.base.name, *(part for pair in self.types.items() for part in pair))

    def apply(self, types: Mapping[str, str], source: Path) -> dict[str, str]:
        """Lay the recipe over the base level's types.

        Raises:
            UsageError: A pattern matches no tensor.
        """
        unused = dict.fromkeys(self.types)
        chosen = dict(types)
        for name in types:
            for pattern, kind in self.types.items():
                if re.fullmatch(pattern, name):
                    unused.pop(pattern, None)
                    chosen[name] = kind
                    break
        if unused:
            raise UsageError(
                f"recipe {self.name!r}: {next(iter(unused))!r} matches no tensor of {str(source)!r} that is "
                "not taken by an earlier pattern: correct the pattern, or give another model"
            )
        return chosen


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that we ship."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_recipe(name: str) -> Recipe:
    """Load one of our recipes by name, or any by its path.

    Raises:
        UsageError: There is none.
        FileFormatError: It is malformed, or names an unknown level or type.
    """
    shipped = _FOLDER / f"{name}.yaml"
    path = shipped if name in recipe_names() else Path(name)
    if not path.is_file():
        raise UsageError(
            f"no recipe {name!r}: name one of {', '.join(recipe_names())}, or a YAML file that exists"
        )
    if not _PLAIN_NAME.fullmatch(path.stem) or path.stem.upper() in LEVELS:
        raise FileFormatError(path, "must have a name of letters, digits, '.', '-', '_' that is no level's")
    text = read_yaml(path, _Text)
    return Recipe(name=path.stem, base=LEVELS[text.base], types=text.types, about=text.about)


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe as a file that ``quantize --recipe`` takes; it is called as the file is."""
    text = _Text(about=recipe.about, base=recipe.base.name, types=recipe.types)
    atomic_write(path, yaml.safe_dump(text.model_dump(), sort_keys=False, width=110, allow_unicode=True))
