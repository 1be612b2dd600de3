"""The child process that calls llama.cpp's quantizer: requests on stdin, events on stdout, one JSON a line.

Run as ``python -m quant_triage.quantize._worker``. A native crash ends this process and no other.
"""

import ctypes
import json
import sys

import llama_cpp

from ._protocol import Event, Request

_MEGABYTE = 1 << 20
_BUFFER = 256 * _MEGABYTE
"""Rows in memory at once; the quantizer's own default of 8 GiB changes nothing but the memory it takes."""


def _emit(event: Event) -> None:
    sys.stdout.write(event.model_dump_json() + "\n")
    sys.stdout.flush()


def _quantize(request: Request) -> int:
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = request.ftype
    params.nthread = request.threads
    params.dry_run = request.target is None
    params.max_buf_size = _BUFFER
    target = (request.target or "").encode()
    return int(llama_cpp.llama_model_quantize(request.source.encode(), target, ctypes.byref(params)))


def main() -> None:
    """Serve requests until stdin ends."""
    log: list[str] = []

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # a ctypes function type
    def collect(_level: int, text: bytes, _data: object) -> None:
        line = text.decode("utf-8", "replace")
        log.append(line)
        if line.startswith("["):
            done, _, total = line[1:].split("]")[0].partition("/")
            _emit(Event(kind="tensor", done=int(done), total=int(total)))

    llama_cpp.llama_log_set(collect, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    for line in sys.stdin:
        log.clear()
        status = _quantize(Request.model_validate(json.loads(line)))
        _emit(Event(kind="done", status=status, log="".join(log)))


if __name__ == "__main__":
    main()
