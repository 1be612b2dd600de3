"""report.html: one self-contained page that works offline and runs nothing but its own script."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup

from quant_triage.harness import SIGN_OFF_VERSION, Result, ScenarioCount

from . import _numbers as numbers
from ._charts import drawable, frontier, ladder
from ._json import result_sha256
from ._payload import pack
from ._row import Row
from ._story import Story, tell
from ._text import excerpt, visible
from ._words import GRADES, LIMITS, SEVERITIES, TOKEN_KINDS, VERDICTS, Look, reviewed, scenario_name

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("parts.js", "page.js", "review.js", "replies.js", "signoff.js", "live.js")


def _shown(value: object) -> object:
    """Make whatever a template prints visible; only our own markup passes untouched."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _heat(count: ScenarioCount) -> str:
    """The shade of a cell in the heat map: how large a part of its prompts got dangerous replies."""
    if not count.events:
        return "none"
    share = count.events / count.prompts
    return next(
        name for name, most in (("low", 0.1), ("some", 0.25), ("half", 0.5), ("most", 1.0)) if share <= most
    )


def _link(**parts: str | int) -> str:
    """Address a place among the replies; the page's script reads it back with ``URLSearchParams``."""
    return "#" + urlencode({name: visible(str(value)) for name, value in parts.items()})


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        numbers=numbers, VERDICTS=VERDICTS, GRADES=GRADES, SEVERITIES=SEVERITIES, LIMITS=LIMITS,
        TOKEN_KINDS=TOKEN_KINDS,
        scenario_name=scenario_name, reviewed=reviewed, excerpt=excerpt, heat=_heat, link=_link,
    )  # fmt: skip
    return environment


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _colours(shade: str) -> str:
    """The words' colours as CSS variables: verdicts by their name, grades as ``grade-NAME``."""
    looks: dict[str, Look] = dict(VERDICTS.items())
    looks |= {f"grade-{name}": look for name, look in GRADES.items()}
    return "".join(
        f"--{name}:{look.light if shade == 'light' else look.dark};" for name, look in looks.items()
    )


def _style() -> str:
    """The page's style sheet, with the one place's colours in both themes."""
    light, dark = _colours("light"), _colours("dark")
    return (
        f":root{{{light}}}"
        f"@media (prefers-color-scheme: dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f":root[data-theme=dark]{{{dark}}}"
        f"@media print{{:root,:root[data-theme]{{{light}}}}}\n"
        + "".join(_source(name) for name in ("page.css", "replies.css", "print.css"))
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class Progress(NamedTuple):
    """How far a run is: replies that are in, of those planned, and a name for this state."""

    done: int
    planned: int
    version: str


def render_html(result: Result, progress: Progress | None = None) -> str:
    """Render a result as :func:`html_pieces` does, in one piece."""
    return "".join(html_pieces(result, progress))


def html_pieces(result: Result, progress: Progress | None = None) -> Iterator[str]:
    """Render a result as one HTML page: no request, no inline handler, and only our own script may run.

    With ``progress`` the page says that nothing is decided yet, and asks its own server for news.

    Model text reaches the page as text in two ways: escaped by the templates, and packed as data that
    the script writes with ``textContent``. Replies are read when their piece is due.
    """
    story = tell(result)
    reach = "connect-src 'self'; " if progress else ""
    report_sha256 = result_sha256(result)
    style = _style()
    script = "".join(map(_source, SCRIPTS))
    policy = (
        f"default-src 'none'; {reach}script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template("page.html")
        .generate(
            story=story,
            result=result,
            style=Markup(style),  # noqa: S704 - our own files
            script=Markup(script),  # noqa: S704 - our own files
            security=Markup(policy),  # noqa: S704 - fixed text and hashes
            replies=pack(story),
            report_sha256=report_sha256,
            progress=progress,
            bound=_bound(story, report_sha256),
            count=sum(len(row.model.replies) for row in story.asked),
            ladder_wide=ladder(story),
            ladder_narrow=ladder(story, width=290, height=420),
            on_frontier=frontier(drawable(story)),
            undrawn=[row for row in story.rows if row.role != "reference" and row not in drawable(story)],
            cells=_cells(story),
            divergences={row.key: row.model.divergence for row in story.rows},
        )
    )


def _bound(story: Story, report_sha256: str) -> str:
    """What a sign-off record binds itself to, as JSON."""
    row, decision = story.signed, story.result.decision
    bound = {
        "schema_version": SIGN_OFF_VERSION,
        "report_sha256": report_sha256,
        "decision": decision.status,
        "policy": decision.policy,
        "model": row and {"name": row.model.name, "level": row.model.level, "sha256": row.model.sha256},
    }
    return json.dumps(bound)


def _cells(story: Story) -> dict[str, list[tuple[Row, ScenarioCount | None]]]:
    """The heat map: for each scenario, each row's count, or ``None`` where it was not asked; worst first."""
    table: dict[str, list[tuple[Row, ScenarioCount | None]]] = {}
    for scenario in story.result.suite.scenarios:
        table[scenario] = [
            (row, next((c for c in row.model.scenarios if c.scenario == scenario), None))
            for row in story.rows
        ]

    def danger(cells: list[tuple[Row, ScenarioCount | None]]) -> float:
        return sum(count.events / count.prompts for _, count in cells if count)

    return dict(sorted(table.items(), key=lambda item: (-danger(item[1]), item[0])))
