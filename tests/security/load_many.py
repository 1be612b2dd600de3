"""Load damaged models as the child process does, each in a fork of its own; print how each ended, as JSON.

Called with the whole model, the length of its header, and the first and last seed. Starting Python and
importing the engine for every file would take minutes: here it is done once.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path

from mutation import mutate, write  # type: ignore[import-not-found]  # lies beside this script

from quant_triage.data import ModelError
from quant_triage.harness._records import Hardware, Sampling
from quant_triage.harness.engines import _child
from quant_triage.harness.engines._decoder import Decoder
from quant_triage.harness.engines._protocol import Job

_SECONDS, _BYTES = 20, 8 << 30


def _load(path: Path) -> int:
    job = Job(
        path=str(path),
        model="0" * 64,
        sampling=Sampling(slots=2, max_tokens=8),
        hardware=Hardware(threads=1, gpu_layers=0),
        requests=(),
    )
    try:
        loaded = _child._load(job)
    except ModelError:
        return 3
    except MemoryError:
        return 4
    assert isinstance(loaded, Decoder)
    return 0


def main() -> None:
    model = Path(sys.argv[1])
    header_bytes, first, last = (int(number) for number in sys.argv[2:])
    content = model.read_bytes()
    ends: dict[str, int] = {}
    silence = os.open(os.devnull, os.O_WRONLY)
    for seed in range(first, last):
        path = write(model.with_name("damaged.gguf"), mutate(content[:header_bytes], seed), len(content))
        process = os.fork()
        if not process:
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
            signal.alarm(_SECONDS)
            code = 5
            try:
                code = _load(path)
            finally:
                os._exit(code)
        _, status = os.waitpid(process, 0)
        code = os.waitstatus_to_exitcode(status)
        name = {0: "loaded", 3: "refused", 4: "no memory", 5: "another exception"}.get(code)
        name = name or (signal.Signals(-code).name if code < 0 else f"exit {code}")
        ends[name] = ends.get(name, 0) + 1
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    main()
