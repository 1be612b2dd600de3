"""llama.cpp keeps calling the log callback that was set last, so it must outlive whoever set it."""

import subprocess
import sys

SCRIPT = """
import gc
import llama_cpp
from quant_triage.harness.engines._llama import Log

Log()
gc.collect()
clutter = [bytearray(64) for _ in range(100_000)]  # whatever was freed is written over
assert not llama_cpp.llama_model_load_from_file(b"/nowhere.gguf", llama_cpp.llama_model_default_params())
"""


def test_a_message_after_the_log_is_gone_does_not_crash() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
