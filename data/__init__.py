"""Bundled data, the strict readers and writers of files, the scenario ids and the tree of errors.

Everything else stands on this package; it imports nothing of ours.
"""

from ._errors import (
    FileFormatError,
    IntegrityError,
    ModelError,
    NotEnoughSpaceError,
    QuantTriageError,
    UsageError,
)
from ._files import (
    Record,
    append_line,
    atomic_path,
    atomic_write,
    parse_jsonl,
    read_jsonl,
    read_yaml,
    sha256_file,
    sha256_files,
    sha256_text,
    sha256_texts,
)
from ._machine import free_memory, usable_cores
from ._paths import BASE_DIR, CALIBRATION_DIR, EMERGENCY_DATASET, GOLD_DIR, RECORDED_DIR
from ._published import public_argument, public_path, public_text, without_credentials
from ._scenarios import SCENARIOS, Scenario

__all__ = [
    "BASE_DIR",
    "CALIBRATION_DIR",
    "EMERGENCY_DATASET",
    "GOLD_DIR",
    "RECORDED_DIR",
    "SCENARIOS",
    "FileFormatError",
    "IntegrityError",
    "ModelError",
    "NotEnoughSpaceError",
    "QuantTriageError",
    "Record",
    "Scenario",
    "UsageError",
    "append_line",
    "atomic_path",
    "atomic_write",
    "free_memory",
    "parse_jsonl",
    "public_argument",
    "public_path",
    "public_text",
    "read_jsonl",
    "read_yaml",
    "sha256_file",
    "sha256_files",
    "sha256_text",
    "sha256_texts",
    "usable_cores",
    "without_credentials",
]
