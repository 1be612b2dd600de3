"""A real HTTP server on the loopback interface that speaks OpenAI's protocol, and misbehaves on request."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Trouble = dict[str, Any]


class ChatServer(ThreadingHTTPServer):
    """Answers each prompt with a text of its own; ``troubles`` holds what goes wrong, request by request.

    Where ``answer`` is set, it says what is answered instead.
    """

    daemon_threads = True

    def __init__(self, models: list[dict[str, Any]] | None = None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models = models or [
            {"id": "org/tiny-Q4_K_M.gguf", "created": 0, "owned_by": "test", "meta": {"n_params": 5}}
        ]
        self.answer: Callable[[str], str] | None = None
        self.troubles: list[Trouble] = []
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.active = self.most = 0
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def tries(self) -> Counter[str]:
        return Counter(asked["messages"][-1]["content"] for asked in self.asked)


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True

    def _json(self, status: int, value: object, **headers: str) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))
        # As llama-server does, the time of the request.
        self._json(200, {"data": [{**model, "created": time.time()} for model in self.server.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.guard:
            self.server.asked.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.active += 1
            self.server.most = max(self.server.most, self.server.active)
            trouble = self.server.troubles.pop(0) if self.server.troubles else {}
        try:
            self._answer(body, trouble)
        finally:
            with self.server.guard:
                self.server.active -= 1

    def _answer(self, body: dict[str, Any], trouble: Trouble) -> None:
        if "status" in trouble:
            self._json(trouble["status"], trouble.get("body", {}), **trouble.get("headers", {}))
            return
        if trouble.get("drop"):
            self.close_connection = True
            self.connection.close()
            return
        words = [f"seed{body['seed']} " if body["temperature"] else "", "keep ", "calm ", "é☃ "]
        words.append(body["messages"][-1]["content"])
        words = words[: body["max_tokens"]]
        if self.server.answer is not None:
            words = [self.server.answer(body["messages"][-1]["content"])]
        if trouble.get("whole"):
            message = {"message": {"content": "".join(words)}, "finish_reason": "stop"}
            self._json(200, {"choices": [message], "usage": {"completion_tokens": 5, "prompt_tokens": 7}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while "idle" in trouble:
            self.wfile.write(trouble["idle"].encode())
        for count, word in enumerate(words):
            time.sleep(trouble.get("slow", 0.0))
            self._event({"choices": [{"delta": {"content": word}, "finish_reason": None}]})
            if trouble.get("cut") == count:
                return
            while trouble.get("endless"):
                self._event({"choices": [{"delta": {"content": "x" * 10_000}}]})
            if "raw" in trouble:
                self.wfile.write(f"data: {trouble['raw']}\n\n".encode())
        self._event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": {"completion_tokens": len(words) + 1, "prompt_tokens": 7}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: object) -> None:
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()


@contextmanager
def serving(models: list[dict[str, Any]] | None = None) -> Iterator[ChatServer]:
    """Run a server in a thread."""
    server = ChatServer(models)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
