"""Addresses that mislead, servers that do, and keys that must not travel or be written down."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from quant_triage.data import UsageError
from quant_triage.harness._records import Hardware, Outcome, Sampling
from quant_triage.harness.engines import EndpointSource, TimeLimits, open_sources

from ..cli.conftest import _run
from ..engines.chat_server import ChatServer, serving
from ..engines.conftest import make_requests

SECRET = "planted-secret-4711"  # noqa: S105 - opens nothing


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("QUANT_TRIAGE_API_KEY", SECRET)
    return SECRET


def _open(spec: str) -> EndpointSource:
    (source,) = open_sources(spec, Sampling(slots=1, max_tokens=40), Hardware())
    assert isinstance(source, EndpointSource)
    return source


def _ask(source: EndpointSource) -> Outcome:
    return source.generate(make_requests(1), lambda _reply: None, lambda _progress: None)[0]


@pytest.mark.parametrize(
    "spec",
    [
        f"http://user:{SECRET}@127.0.0.1:9/v1",
        f"http://:{SECRET}@127.0.0.1:9/v1",
        f"http://user:{SECRET}@half@127.0.0.1:9/v1",
        f"http://user:{SECRET}/half@127.0.0.1:9/v1",
        f"https://127.0.0.1:9/v1?api_key={SECRET}",
        f"ftp://user:{SECRET}@127.0.0.1/v1",
        "file:///etc/passwd",
        "gopher://127.0.0.1:9/v1",
        "http://[::1",
        "http://127.0.0.1:port/v1",
        "http://127.0.0.1:9\\@example.org/v1",
        "http://127.0.0.1\r\nHost: example.org/v1",
        "http://\0/v1",
        "http:///v1",
    ],
)
def test_an_address_that_is_none_is_refused_and_its_secrets_are_not_repeated(spec: str) -> None:
    with pytest.raises(UsageError) as error:
        _open(spec)
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


class _Misleading(BaseHTTPRequestHandler):
    """Sends every request elsewhere, or an answer without an end."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        if self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(1000):
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            self.server.left = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    elsewhere = ""
    left = False


@contextmanager
def _misleading(elsewhere: str = "") -> Iterator[tuple[_Server, str]]:
    server = _Server(("127.0.0.1", 0), _Misleading)
    server.elsewhere = elsewhere
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_a_redirect_is_not_followed_so_the_key_stays_with_its_host(key: str) -> None:
    with serving() as other, _misleading(f"{other.url}/models") as (_, address):
        with pytest.raises(UsageError, match="answers HTTP 302"):
            _open(address)
        assert not other.headers


def test_a_question_is_not_redirected_either(key: str) -> None:
    with serving() as other, serving() as server:
        source = _open(server.url)
        server.troubles = [{"status": 307, "headers": {"Location": f"{other.url}/chat/completions"}}] * 9
        assert _ask(source).status == "not_loaded"
        assert not other.headers


def test_an_answer_without_an_end_is_left(key: str) -> None:
    with _misleading() as (_, address), pytest.raises(UsageError, match="over 4 MiB in one answer"):
        _open(address)


@pytest.mark.parametrize("text", [": still here\n" * 50, "x" * 100_000], ids=["comments", "one line"])
def test_a_stream_that_says_nothing_for_ever_is_left(text: str) -> None:
    with serving() as server:
        found = _open(server.url)
        source = EndpointSource(
            server.url,
            found.card,
            str(server.models[0]["id"]),
            Sampling(slots=1, max_tokens=40),
            limits=TimeLimits(reply=1.0),
            tries=1,
        )
        server.troubles = [{"idle": text}] * 9
        outcome = _ask(source)
    assert outcome.status in {"hung", "not_loaded"}
    assert outcome.cause in {"no reply finished within 1 s", "it sent a line of over 4 MiB"}


def test_a_key_that_a_server_repeats_is_not_recorded(key: str) -> None:
    with serving() as server:
        source = _open(server.url)
        server.troubles = [{"status": 401, "body": {"error": {"message": f"no such key: {key}"}}}] * 9
        outcome = _ask(source)
    assert outcome.cause == "HTTP 401: no such key: [QUANT_TRIAGE_API_KEY]"


POLICY = """\
name: tiny
prompts: 6
limits: {danger: 0.5, incoherent: 0.9, refusal: 0.9, coverage: 0.0}
"""


def _everything_below(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.slow
def test_a_whole_run_writes_no_key_down(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key in the header, secrets in the environment, and a server whose refusals repeat the key."""
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, f"{name}-{key}")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    with serving() as server:
        server.troubles = [*[{}] * 3, *[{"status": 403, "body": {"error": f"revoked: {key}"}}] * 99]
        done = _evaluate(server, tmp_path)
        assert server.headers[-1]["Authorization"] == f"Bearer {key}"
    written = _everything_below(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["models"][0]["outcome"]["status"] == "crashed"
    assert "revoked: [QUANT_TRIAGE_API_KEY]" in written
    assert key not in written + done


def _evaluate(server: ChatServer, folder: Path) -> str:
    done = _run(
        *("evaluate", server.url, "--out", str(folder / "out"), "--slots", "1"),
        *("--policy", str(folder / "policy.yaml")),
    )
    assert done.returncode in {1, 3}, done.stderr
    return done.stdout + done.stderr
