"""Does this build of llama.cpp survive this processor? Tried once in a child process, then remembered.

Built by some compilers for processors with AMX, the library faults in its AMX kernels on most quantized
types. Weights that are not repacked ("plain buffers") take another path and lose hardly any speed.
"""

import contextlib
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import platformdirs
from pydantic import ValidationError

from quant_triage.data import Record, atomic_write, sha256_text

from ._identity import library_hash, processor
from ._process import BOOT

PROBE = (*BOOT, "_probe")

_SECONDS = 60
_WIDTH, _VOCABULARY = 256, 64
_LOG = logging.getLogger(__name__)


class ProbeResult(Record):
    """Whether repacked weights are safe here; ``reason`` says in one line why not."""

    use_extra_bufts: bool
    reason: str | None = None


def cache_path() -> Path:
    """Where the answer for this build on this processor is kept."""
    key = sha256_text(library_hash(), processor())[:32]
    return platformdirs.user_cache_path("quant-triage") / "probe" / f"{key}.json"


def probe(*, command: Sequence[str] = PROBE, cache: Path | None = None) -> ProbeResult:
    """Find out whether weights may be repacked, from the cache or by trying it on a tiny model.

    Args:
        command: Program that is given the model's path; its fate is the answer.
        cache: File that remembers the answer; default one per library build and processor.
    """
    cache = cache or cache_path()
    with contextlib.suppress(OSError, ValidationError):
        return ProbeResult.model_validate_json(cache.read_text())
    with tempfile.TemporaryDirectory(prefix="quant-triage-") as folder:
        model = Path(folder) / "probe.gguf"
        _write_model(model)
        fault = _fault([*command, str(model)])
        if fault is None:
            result = ProbeResult(use_extra_bufts=True)
        elif (plain := _fault([*command, str(model), "plain"])) is None:
            result = ProbeResult(
                use_extra_bufts=False,
                reason=f"llama.cpp, as built here, {fault} with weights repacked for this processor"
                " (a known fault of AMX kernels): repacking is off, which costs hardly any speed",
            )
        else:
            reason = f"llama.cpp, as built here, {plain} even on a tiny model: install llama-cpp-python again"
            _LOG.warning("%s", reason)
            return ProbeResult(use_extra_bufts=False, reason=reason)
    if result.reason is not None:
        _LOG.warning("%s", result.reason)
    # No place for a cache is no reason to fail: the next run tries again.
    with contextlib.suppress(OSError):
        atomic_write(cache, result.model_dump_json())
    return result


def _fault(command: Sequence[str]) -> str | None:
    """Run the command; say in words how it failed, or ``None``."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"hangs for {_SECONDS} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"dies of {signal.Signals(-done.returncode).name}"
    return f"fails with exit code {done.returncode}"


def _write_model(path: Path) -> None:
    """Write a one-layer model with no tokenizer whose weights are of the types that the fault concerns."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_WIDTH)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(_WIDTH // 4)
    writer.add_vocab_size(_VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, dtype=np.float32))
    kinds = gguf.GGMLQuantizationType
    for name, kind, rows in (
        ("token_embd", kinds.Q8_0, _VOCABULARY),
        ("output", kinds.Q6_K, _VOCABULARY),
        ("blk.0.attn_q", kinds.Q4_K, _WIDTH),
        ("blk.0.attn_k", kinds.Q8_0, _WIDTH),
        ("blk.0.attn_v", kinds.Q5_K, _WIDTH),
        ("blk.0.attn_output", kinds.Q4_0, _WIDTH),
        ("blk.0.ffn_gate", kinds.Q4_K, _WIDTH),
        ("blk.0.ffn_up", kinds.IQ4_XS, _WIDTH),
        ("blk.0.ffn_down", kinds.Q8_0, _WIDTH),
    ):
        block, size = gguf.GGML_QUANT_SIZES[kind]
        # Zero bytes are zero weights in every type; the kernels run all the same.
        zeros = np.zeros((rows, _WIDTH // block * size), dtype=np.uint8)
        writer.add_tensor(f"{name}.weight", zeros, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Decode 48 tokens, then one, on the model that the first argument names; a second forbids repacking."""
    from ._llama import Batch, Log, Model  # noqa: PLC0415 - this is what may crash

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log = Log()
    model = Model(Path(sys.argv[1]), gpu_layers=0, use_extra_bufts=len(sys.argv) == 2, log=log)
    context = model.context(cells=256, sequences=1, threads=2)
    batch = Batch()
    for start, count in ((0, 48), (48, 1)):
        positions = np.arange(start, start + count, dtype=np.int32)
        batch.clear()
        batch.add(positions % _VOCABULARY, positions, 0, want=np.arange(count) == count - 1)
        if batch.decode(context):
            raise SystemExit(log.cause("llama_decode failed"))
