"""Groups of tensors that play one part in a model: a recipe gives each group one type."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from quant_triage.data import Record

from ._gguf import pad, read_header, type_size
from ._levels import LEVELS, Level
from ._native import native
from ._plan import plan_file
from ._recipe import Recipe

TYPES = ("Q6_K", "Q5_K", "Q4_K", "IQ4_XS", "Q3_K", "Q2_K")
"""What a group may get, most bits first."""
TYPES_WITH_IMATRIX = ("IQ3_XXS",)
"""And these, where there is an importance matrix; tables have no entry in one."""
PROBES = ("Q2_K", "Q4_K")
"""The types at which a group is measured; damage at the others lies on a line through these."""

_BLOCK = re.compile(r"blk\.(\d+)\.(.+)\.weight")
_UNQUANTIZED = {"F32", "F16", "BF16"}
_LEVEL_OF = {"Q5_K": "Q5_K_S", "Q4_K": "Q4_K_S", "Q3_K": "Q3_K_S"}


class Group(Record):
    """Tensors of one role in one half of the blocks, or one table.

    Attributes:
        name: Such as ``ffn_down.late`` or ``token_embd``.
        tensors: Number of weights of each, by name.
        table: Whether it is no part of a block.
    """

    name: str
    tensors: dict[str, int]
    table: bool

    def bytes(self, kind: str, alignment: int) -> int:
        """Bytes that its tensors take in a file as this type."""
        return sum(pad(type_size(kind, count), alignment) for count in self.tensors.values())

    @property
    def pattern(self) -> str:
        """A regular expression over whole names that matches its tensors and no other."""
        names = sorted(self.tensors)
        found = [_BLOCK.fullmatch(name) for name in names]
        if self.table or not all(found):
            return "|".join(re.escape(name) for name in names)
        blocks = "|".join(sorted((m[1] for m in found if m), key=int))
        role = next(m[2] for m in found if m)
        return rf"blk\.({blocks})\.{re.escape(role)}\.weight"


def tensor_groups(source: Path) -> tuple[Group, ...]:
    """Group all tensors that the quantizer would quantize, in the order of the file.

    Raises:
        UsageError: The source is unusable.
        ModelError: The quantizer failed or crashed.
    """
    header = read_header(source)
    with native() as child:
        types = plan_file(child, source, header, LEVELS["Q8_0"]).types
    blocks = {int(m[1]) for t in header.tensors if (m := _BLOCK.fullmatch(t.name))}
    half = (max(blocks) + 1) / 2 if blocks else 0
    members: dict[str, dict[str, int]] = defaultdict(dict)
    for tensor in header.tensors:
        if types[tensor.name] in _UNQUANTIZED:
            continue
        found = _BLOCK.fullmatch(tensor.name)
        part = "" if found is None else ".early" if int(found[1]) < half else ".late"
        name = (tensor.name.removesuffix(".weight") if found is None else found[2]) + part
        members[name][tensor.name] = tensor.elements
    return tuple(
        Group(name=name, tensors=tensors, table="." not in name) for name, tensors in members.items()
    )


def offered(group: Group, *, imatrix: bool) -> tuple[str, ...]:
    """Types that a group may get, most bits first."""
    extra = TYPES_WITH_IMATRIX if imatrix and not group.table else ()
    return tuple(sorted((*TYPES, *extra), key=lambda kind: -type_size(kind, 1 << 20)))


def group_recipe(name: str, groups: Mapping[str, Group], types: Mapping[str, str], about: str = "") -> Recipe:
    """Make the recipe that gives groups these types; named after the level of the type with most weights.

    Groups without a type keep what that level gives them.
    """
    weights: dict[str, int] = defaultdict(int)
    for group, kind in types.items():
        weights[kind] += sum(groups[group].tensors.values())
    most = max(weights, key=lambda kind: weights[kind])
    base: Level = LEVELS[_LEVEL_OF.get(most, most)]
    return over_level(name, base, groups, types, about)


def over_level(
    name: str, base: Level, groups: Mapping[str, Group], types: Mapping[str, str], about: str = ""
) -> Recipe:
    """Make the recipe that gives groups these types, and all else what the level gives."""
    patterns = {groups[group].pattern: kind for group, kind in types.items()}
    return Recipe(name=name, base=base, types=patterns, about=about)
