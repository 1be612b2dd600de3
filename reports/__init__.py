"""One result object, rendered for people and for machines. Reads results and computes nothing."""

from ._beside import Beside, beside_rows
from ._card import render_card
from ._comparison import render_comparison
from ._faults import counts_against, faults_text, replies_text, reply_text
from ._frontier import frontier_picture
from ._html import Progress, render_html
from ._json import SCHEMA_PATH, read_result, result_schema, schema_text, write_result
from ._junit import render_junit
from ._markdown import render_markdown
from ._numbers import percent
from ._numbers import size as readable_size
from ._render import FORMATS, render
from ._sarif import render_sarif
from ._summary import render_badge, render_summary
from ._table import replies_table
from ._terminal import TerminalReport, terminal_report
from ._text import visible
from ._words import scenario_name

__all__ = [
    "FORMATS",
    "SCHEMA_PATH",
    "Beside",
    "Progress",
    "TerminalReport",
    "beside_rows",
    "counts_against",
    "faults_text",
    "frontier_picture",
    "percent",
    "read_result",
    "readable_size",
    "render",
    "render_badge",
    "render_card",
    "render_comparison",
    "render_html",
    "render_junit",
    "render_markdown",
    "render_sarif",
    "render_summary",
    "replies_table",
    "replies_text",
    "reply_text",
    "result_schema",
    "scenario_name",
    "schema_text",
    "terminal_report",
    "visible",
    "write_result",
]
