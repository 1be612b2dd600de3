"""Models that answer: GGUFs, checkpoints, endpoints, recorded replies, and whatever a plugin brings."""

from ._checkpoint import CheckpointSource
from ._endpoint import EndpointSource, open_endpoint
from ._gguf import GgufInfo, gguf_hash, inspect_gguf, read_header
from ._identity import engine_build, processor, reply_key
from ._levels import nominal_bits
from ._llamacpp import GgufSource
from ._probe import ProbeResult, probe
from ._process import EnoughError, Progress, TimeLimits, run_child
from ._protocol import Job
from ._shape import Shape
from ._source import Asked, Source
from ._sources import ENTRY_POINTS, Opener, open_sources
from ._template import ChatTemplate

__all__ = [
    "ENTRY_POINTS",
    "Asked",
    "ChatTemplate",
    "CheckpointSource",
    "EndpointSource",
    "EnoughError",
    "GgufInfo",
    "GgufSource",
    "Job",
    "Opener",
    "ProbeResult",
    "Progress",
    "Shape",
    "Source",
    "TimeLimits",
    "engine_build",
    "gguf_hash",
    "inspect_gguf",
    "nominal_bits",
    "open_endpoint",
    "open_sources",
    "probe",
    "processor",
    "read_header",
    "reply_key",
    "run_child",
]
