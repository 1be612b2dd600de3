"""A report on loopback: of a run in progress it grows as replies arrive, of a finished one it stands."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from quant_triage.data import QuantTriageError, UsageError
from quant_triage.harness import JOURNAL, Live, Underway
from quant_triage.harness.grading import RuleGrader
from quant_triage.reports import Progress, read_result, render_html
from quant_triage.rubrics import load_rubrics

HOST = "127.0.0.1"


class Pages:
    """The page of a run's folder, made anew only when something has come.

    Raises:
        UsageError: There is neither a report nor a run in progress.
    """

    def __init__(self, folder: Path, rubrics: Path | None):
        self._folder = folder
        self._live = Live(folder, folder / JOURNAL, RuleGrader(load_rubrics(rubrics)))
        self._guard = threading.Lock()
        self._version, self._page = "", ""
        self.page()

    def state(self) -> str:
        """Return, as JSON, a name for how things stand; cheap, and another one when something has come.

        Raises:
            UsageError: There is nothing to be shown.
        """
        return json.dumps({"version": self._now(self._live.underway())})

    def _now(self, underway: Underway | None) -> str:
        if underway is not None:
            journal = self._folder / JOURNAL
            return f"{underway.provenance.started} {journal.stat().st_size if journal.exists() else 0}"
        report = self._folder / "report.json"
        if report.exists():
            return f"done {report.stat().st_mtime_ns}"
        if self._version:
            return self._version  # between the last reply and its report
        raise UsageError(f"{str(self._folder)!r} holds no report.json and no run in progress")

    def page(self) -> str:
        """Return the page as it is now.

        Raises:
            UsageError: There is nothing to be shown.
        """
        with self._guard:
            underway = self._live.underway()
            version = self._now(underway)
            if version != self._version:
                if underway is None:
                    self._page = render_html(read_result(self._folder / "report.json"))
                else:
                    now = self._live.look(underway)
                    self._page = render_html(now.result, Progress(now.done, now.planned, version))
                self._version = version
            return self._page


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    answers: dict[str, tuple[str, Callable[[], str]]] = {
        "/": ("text/html; charset=utf-8", pages.page),
        "/state": ("application/json", pages.state),
    }

    class Handler(BaseHTTPRequestHandler):
        server: ThreadingHTTPServer

        def do_GET(self) -> None:
            port = self.server.server_port
            # Another site's page could make a browser ask us under that site's name: answer to our own alone.
            if self.headers.get("Host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
                self.send_error(HTTPStatus.FORBIDDEN)
                return
            found = answers.get(self.path.partition("?")[0])
            if found is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            kind, make = found
            try:
                body = make().encode()
            except QuantTriageError as error:
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain=" ".join(str(error).split()))
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Stay silent: every refresh would be a line."""

    return Handler


def open_server(folder: Path, *, rubrics: Path | None, port: int) -> ThreadingHTTPServer:
    """Open a server for a run's folder, on loopback only; port 0 takes a free one.

    Raises:
        UsageError: Nothing is there to be shown, or the port is taken.
    """
    pages = Pages(folder, rubrics)
    try:
        server = ThreadingHTTPServer((HOST, port), _handler(pages))
    except OSError as error:
        raise UsageError(
            f"cannot listen on {HOST}:{port} ({error.strerror}): choose another --port"
        ) from error
    server.daemon_threads = True
    return server
