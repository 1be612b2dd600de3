"""One result object, rendered for people and for machines. Reads results and computes nothing."""

from ._card import render_card
from ._html import render_html
from ._json import SCHEMA_PATH, read_result, result_schema, schema_text, write_result
from ._markdown import render_markdown
from ._render import FORMATS, render
from ._terminal import TerminalReport, terminal_report

__all__ = [
    "FORMATS",
    "SCHEMA_PATH",
    "TerminalReport",
    "read_result",
    "render",
    "render_card",
    "render_html",
    "render_markdown",
    "result_schema",
    "schema_text",
    "terminal_report",
    "write_result",
]
