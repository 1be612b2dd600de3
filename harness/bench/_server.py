"""llama-server, asked over HTTP by as many clients as it has slots."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from ._work import Measure, MeasureError, Timing, Work

_LOAD_SECONDS = 300
_REPLY_SECONDS = 600
_ROOM = 512
"""Cells a slot, beyond the reply, for prompt and template."""


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextmanager
def serve(program: Path, model: Path, *, slots: int, threads: int, room: int) -> Iterator[str]:
    """Run llama-server on the loopback interface and yield its address once the model is loaded.

    Args:
        program: The server.
        model: GGUF file.
        slots: Sequences side by side.
        threads: For prefill and decode.
        room: Cells of context for each slot.

    Raises:
        MeasureError: It does not come up.
    """
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        *(str(program), "--model", str(model), "--host", "127.0.0.1", "--port", str(port)),
        *("--parallel", str(slots), "--ctx-size", str(slots * room)),
        *("--threads", str(threads), "--threads-batch", str(threads), "--no-webui"),
    ]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(address, process)
            yield address
        finally:
            process.terminate()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LOAD_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise MeasureError(f"llama-server ended with code {process.returncode} before it was ready")
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise MeasureError(f"llama-server was not ready within {_LOAD_SECONDS} s")


def measure_server(program: Path, slots: int) -> Measure:
    """A contestant: llama-server with ``slots`` slots, under as many clients of one question each."""

    def measure(work: Work) -> Timing:
        room = work.tokens + _ROOM
        with (
            serve(program, work.model, slots=slots, threads=work.threads, room=room) as address,
            httpx.Client(
                base_url=address, timeout=_REPLY_SECONDS, limits=httpx.Limits(max_connections=slots)
            ) as client,
            ThreadPoolExecutor(slots) as clients,
        ):

            def ask(prompt: str, tokens: int = work.tokens) -> tuple[int, int]:
                answer = client.post(
                    "/v1/chat/completions",
                    json={
                        "messages": [{"role": "user", "content": prompt}],
                        "max_tokens": tokens,
                        "temperature": 0,
                    },
                )
                usage = answer.raise_for_status().json()["usage"]
                return int(usage["completion_tokens"]), int(usage["prompt_tokens"])

            try:
                ask("warm up", 2)
                began = time.perf_counter()
                counts = list(clients.map(ask, work.prompts))
            except (httpx.HTTPError, KeyError, ValueError) as error:
                raise MeasureError(f"llama-server: {type(error).__name__}: {error}") from error
            seconds = time.perf_counter() - began
        return Timing(
            tokens=sum(made for made, _ in counts),
            prompt_tokens=sum(read for _, read in counts),
            seconds=seconds,
        )

    return measure
