"""The plain loop that most tools run: llama-cpp-python's ``Llama``, one prompt after another."""

import json
import subprocess
import sys
import time
from typing import cast

from ._work import MeasureError, Timing, Work

_TIMEOUT = 3600


def measure_naive(work: Work) -> Timing:
    """Run the loop in a process of its own.

    Raises:
        MeasureError: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=work.model_dump_json(),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines() or ["nothing"]
        raise MeasureError(f"the Llama loop ended with code {done.returncode}: {last[-1]}")
    return Timing.model_validate_json(done.stdout.splitlines()[-1])


def _loop(work: Work) -> Timing:
    from llama_cpp import Llama  # noqa: PLC0415 - in the child alone
    from llama_cpp.llama_types import CreateChatCompletionResponse  # noqa: PLC0415

    llama = Llama(
        str(work.model), n_ctx=1024, n_threads=work.threads, n_threads_batch=work.threads, verbose=False
    )

    def ask(prompt: str, tokens: int) -> tuple[int, int]:
        answer = llama.create_chat_completion(
            [{"role": "user", "content": prompt}], max_tokens=tokens, temperature=0.0
        )
        usage = cast("CreateChatCompletionResponse", answer)["usage"]
        return usage["completion_tokens"], usage["prompt_tokens"]

    ask("warm up", 2)
    began = time.perf_counter()
    counts = [ask(prompt, work.tokens) for prompt in work.prompts]
    seconds = time.perf_counter() - began
    return Timing(
        tokens=sum(made for made, _ in counts), prompt_tokens=sum(read for _, read in counts), seconds=seconds
    )


if __name__ == "__main__":
    timing = _loop(Work.model_validate(json.load(sys.stdin)))
    sys.stdout.write("\n" + timing.model_dump_json() + "\n")
