"""What guidelines require and forbid in each scenario, as YAML that a nurse can read, and its loader."""

from ._loader import HERE as RUBRICS_DIR
from ._loader import Rubric, Rubrics, load_rubrics
from ._pattern import Pattern, Slot, parse_pattern, parse_slot
from ._schema import Check, EverywhereFile, RubricFile, Source, SourcesFile, State, SynonymsFile

__all__ = [
    "RUBRICS_DIR",
    "Check",
    "EverywhereFile",
    "Pattern",
    "Rubric",
    "RubricFile",
    "Rubrics",
    "Slot",
    "Source",
    "SourcesFile",
    "State",
    "SynonymsFile",
    "load_rubrics",
    "parse_pattern",
    "parse_slot",
]
