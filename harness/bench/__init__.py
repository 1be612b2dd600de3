"""How fast we are, measured beside the programs that people would use instead."""

from ._build import Peers, build_peers, peers_of
from ._contest import Bystanders, Row
from ._engine import EngineBench, bench_engine
from ._model import Shape, write_model
from ._page import engine_section, write_section
from ._scale import Scale, ScaleBench, measure, measure_scale, scale_section
from ._server import serve
from ._work import Timing, Work

__all__ = [
    "Bystanders",
    "EngineBench",
    "Peers",
    "Row",
    "Scale",
    "ScaleBench",
    "Shape",
    "Timing",
    "Work",
    "bench_engine",
    "build_peers",
    "engine_section",
    "measure",
    "measure_scale",
    "peers_of",
    "scale_section",
    "serve",
    "write_model",
    "write_section",
]
