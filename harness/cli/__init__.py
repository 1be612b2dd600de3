"""The command line. One module per verb; this one only gathers them, and what the pytest plugin shares."""

from ._app import app, main
from ._asking import Asking
from ._console import err
from ._gating import Gating
from ._progress import Stages

__all__ = ["Asking", "Gating", "Stages", "app", "err", "main"]
