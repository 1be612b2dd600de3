"""The command line. One module per verb; this one only gathers them."""

from ._app import app, main

__all__ = ["app", "main"]
