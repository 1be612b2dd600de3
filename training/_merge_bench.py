"""Our streaming merge beside PEFT's ``merge_and_unload``, each in a process of its own, on random weights."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from quant_triage.data import Record, UsageError

from ._base import WEIGHTS
from ._libraries import require_train_extra
from ._safetensors import read_places

_MAKE = """
import sys, torch
from peft import LoraConfig, get_peft_model
from transformers import Gemma3ForCausalLM, Gemma3TextConfig
layers, base, adapter = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.manual_seed(0)
torch.set_default_dtype(torch.bfloat16)
model = Gemma3ForCausalLM(Gemma3TextConfig(
    vocab_size=262144, hidden_size=1152, intermediate_size=6912, num_hidden_layers=layers,
    num_attention_heads=4, num_key_value_heads=1, head_dim=256))
model.save_pretrained(base, max_shard_size="1GB")
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, task_type="CAUSAL_LM", target_modules=[
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]))
for name, value in model.named_parameters():
    if "lora_B" in name:
        torch.nn.init.normal_(value, std=0.02)
model.save_pretrained(adapter)
"""
_OURS = """
import sys
from pathlib import Path
from quant_triage.training import merge
merge(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
"""
_THEIRS = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16)
PeftModel.from_pretrained(model, sys.argv[2]).merge_and_unload().save_pretrained(sys.argv[3])
"""
SPARE_BYTES = 500_000_000


class MergeBench(Record):
    """Seconds and peak resident bytes of whole processes, from start to the files written.

    Attributes:
        largest_tensor: Bytes of the base's largest tensor.
        disk_seconds: Copying the base's bytes alone took so long: neither can be much faster.
    """

    parameters: int
    largest_tensor: int
    ours_seconds: float
    ours_peak: int
    peft_seconds: float
    peft_peak: int
    disk_seconds: float

    @property
    def ok(self) -> bool:
        """Whether ours took at most half the time, and twice the largest tensor plus 500 MB."""
        small = self.ours_peak <= 2 * self.largest_tensor + SPARE_BYTES
        return small and 2 * self.ours_seconds <= self.peft_seconds


def bench_merge(folder: Path, *, layers: int = 26) -> MergeBench:
    """Make a Gemma 3 of the 1 B model's shape with random weights, and merge an adapter into it both ways.

    Args:
        folder: An empty folder with three times the model's bytes to spare.
        layers: Fewer make a smaller model; 26 are the 1 B model's.

    Raises:
        UsageError: A library is missing, or a process failed.
    """
    require_train_extra()
    base, adapter = folder / "base", folder / "adapter"
    _timed(_MAKE, str(layers), str(base), str(adapter))
    places = [place for file in base.glob(WEIGHTS) for place in read_places(file).values()]
    sizes = [place.end - place.begin for place in places]
    began = time.monotonic()
    for file in base.glob(WEIGHTS):
        (folder / "copy").write_bytes(file.read_bytes())
    disk = time.monotonic() - began
    (folder / "copy").unlink()
    ours = _timed(_OURS, str(base), str(adapter), str(folder / "ours"))
    theirs = _timed(_THEIRS, str(base), str(adapter), str(folder / "theirs"))
    return MergeBench(
        parameters=sum(sizes) // 2,
        largest_tensor=max(sizes),
        ours_seconds=ours[0],
        ours_peak=ours[1],
        peft_seconds=theirs[0],
        peft_peak=theirs[1],
        disk_seconds=disk,
    )


def merge_section(bench: MergeBench) -> str:
    """Return the page's section: what was measured beside what was asked for."""
    ratio = bench.ours_seconds / bench.peft_seconds
    limit = 2 * bench.largest_tensor + SPARE_BYTES
    verdict = "Both are met." if bench.ok else "Not both are met."
    model = f"A Gemma 3 of {bench.parameters / 1e9:.2f} B random parameters"
    ours, theirs = (f"{peak / 1e6:,.0f} MB" for peak in (bench.ours_peak, bench.peft_peak))
    return f"""## Merging

{model} and a LoRA adapter on its seven kinds of matrices; whole processes,
from their start to the files written. Copying the base's bytes took {bench.disk_seconds:.1f} s.

| | seconds | peak resident memory |
| --- | --- | --- |
| streaming merge | {bench.ours_seconds:.1f} | {ours} |
| PEFT, `merge_and_unload` and `save_pretrained` | {bench.peft_seconds:.1f} | {theirs} |

Time: {ratio:.2f} of PEFT's (asked for: at most 0.5). Memory: {ours} (asked for: at most
{limit / 1e6:,.0f} MB, twice the largest tensor and 500 MB). {verdict}
"""


def _timed(code: str, *arguments: str) -> tuple[float, int]:
    """Run code in a process of its own; return its seconds and its peak resident bytes.

    What others wrote is brought to the disk first, so that nobody waits for another's bytes.
    """
    os.sync()
    wrapper = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.monotonic()\n"
        "done = subprocess.run([sys.executable, '-c', *sys.argv[1:]], stdout=sys.stderr)\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024\n"
        "print(json.dumps([done.returncode, time.monotonic() - began, peak]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapper, code, *arguments], capture_output=True, text=True, check=True
    )
    status, seconds, peak = json.loads(done.stdout)
    if status:
        raise UsageError(f"a process of the bench failed: {done.stderr.strip().splitlines()[-1]}")
    return float(seconds), int(peak)
