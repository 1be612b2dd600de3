"""llama-batched-bench: llama.cpp's own ceiling: nothing is sampled, all sequences march in step."""

import json
import subprocess
from pathlib import Path

from ._work import Measure, MeasureError, Timing, Work

_TIMEOUT = 1800


def measure_batched(program: Path, *, prompt_tokens: int, unified: bool) -> Measure:
    """A contestant: as many sequences as the work has prompts.

    Args:
        program: llama-batched-bench.
        prompt_tokens: Prefill of each sequence.
        unified: Whether all sequences share one cache.
    """

    def measure(work: Work) -> Timing:
        count = len(work.prompts)
        cells = count * (prompt_tokens + work.tokens)
        command = [
            *(str(program), "--model", str(work.model), "--output-format", "jsonl"),
            *("-npp", str(prompt_tokens), "-ntg", str(work.tokens), "-npl", str(count)),
            *("--ctx-size", str(2 * cells), "--threads", str(work.threads)),
            *("--threads-batch", str(work.threads), *(["--kv-unified"] if unified else [])),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False
        )
        for line in (done.stdout + done.stderr).splitlines():
            if line.startswith("{"):
                found = json.loads(line)
                return Timing(
                    tokens=found["pl"] * found["tg"],
                    prompt_tokens=found["pl"] * found["pp"],
                    seconds=found["t"],
                )
        raise MeasureError(f"llama-batched-bench ended with code {done.returncode} and no result")

    return measure
