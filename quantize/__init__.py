"""From a checkpoint to an F16 GGUF to every level."""

from ._archive import cache_dir, converter_dir, unpack_source
from ._convert import Conversion, OutType, convert
from ._gguf import GgufHeader, Tensor, read_header
from ._levels import ALL_LEVELS, LEVELS, Level, parse_levels
from ._manifest import MANIFEST, LevelFile, Manifest, read_manifest
from ._quantize import QuantizeProgress, level_file_name, quantize

__all__ = [
    "ALL_LEVELS",
    "LEVELS",
    "MANIFEST",
    "Conversion",
    "GgufHeader",
    "Level",
    "LevelFile",
    "Manifest",
    "OutType",
    "QuantizeProgress",
    "Tensor",
    "cache_dir",
    "convert",
    "converter_dir",
    "level_file_name",
    "parse_levels",
    "quantize",
    "read_header",
    "read_manifest",
    "unpack_source",
]
