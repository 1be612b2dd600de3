"""From a checkpoint to an F16 GGUF to every level."""

from ._archive import cache_dir, converter_dir, unpack_source
from ._bench import ALL_TARGET, SIX, SIX_TARGET, QuantizeBench, bench_quantize, quantize_section
from ._candidates import Option, Step, between, descend, spread
from ._convert import Conversion, OutType, convert
from ._damage import Damage, MinimalPair, Yardstick, yardstick
from ._diverge import Divergence, FirstDifference, KindDivergence, diverge
from ._gguf import TYPE_NUMBERS, GgufHeader, Tensor, read_header, token_texts
from ._groups import PROBES, Group, group_recipe, offered, over_level, tensor_groups
from ._imatrix import CHUNK, CollectedImatrix, collect_imatrix
from ._imatrix_file import ImportanceMatrix, read_imatrix, write_imatrix
from ._levels import ALL_LEVELS, ALL_WITH_IMATRIX, LEVELS, Level, parse_levels
from ._manifest import MANIFEST, LevelFile, Manifest, read_manifest
from ._parity import ExpectedLogits, Parity, check_parity
from ._quantize import QuantizeProgress, file_name, plan_sizes, quantize
from ._recipe import Recipe, load_recipe, recipe_names, write_recipe
from ._shaped import Gemma3nShape, write_shaped

__all__ = [
    "ALL_LEVELS",
    "ALL_TARGET",
    "ALL_WITH_IMATRIX",
    "CHUNK",
    "LEVELS",
    "MANIFEST",
    "PROBES",
    "SIX",
    "SIX_TARGET",
    "TYPE_NUMBERS",
    "CollectedImatrix",
    "Conversion",
    "Damage",
    "Divergence",
    "ExpectedLogits",
    "FirstDifference",
    "Gemma3nShape",
    "GgufHeader",
    "Group",
    "ImportanceMatrix",
    "KindDivergence",
    "Level",
    "LevelFile",
    "Manifest",
    "MinimalPair",
    "Option",
    "OutType",
    "Parity",
    "QuantizeBench",
    "QuantizeProgress",
    "Recipe",
    "Step",
    "Tensor",
    "Yardstick",
    "bench_quantize",
    "between",
    "cache_dir",
    "check_parity",
    "collect_imatrix",
    "convert",
    "converter_dir",
    "descend",
    "diverge",
    "file_name",
    "group_recipe",
    "load_recipe",
    "offered",
    "over_level",
    "parse_levels",
    "plan_sizes",
    "quantize",
    "quantize_section",
    "read_header",
    "read_imatrix",
    "read_manifest",
    "recipe_names",
    "spread",
    "tensor_groups",
    "token_texts",
    "unpack_source",
    "write_imatrix",
    "write_recipe",
    "write_shaped",
    "yardstick",
]
