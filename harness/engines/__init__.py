"""Models that answer: a GGUF in a child process, a directory of them, or recorded replies."""

from ._gguf import GgufInfo, inspect_gguf, read_header
from ._identity import engine_build, processor, reply_key
from ._levels import nominal_bits
from ._probe import ProbeResult, probe
from ._process import EnoughError, Progress, TimeLimits
from ._recorded import Asked, RecordedSource
from ._sources import GgufSource, Source, open_sources, usable_cores

__all__ = [
    "Asked",
    "EnoughError",
    "GgufInfo",
    "GgufSource",
    "ProbeResult",
    "Progress",
    "RecordedSource",
    "Source",
    "TimeLimits",
    "engine_build",
    "inspect_gguf",
    "nominal_bits",
    "open_sources",
    "probe",
    "processor",
    "read_header",
    "reply_key",
    "usable_cores",
]
