"""Losses of two trainings side by side: losses.py ADAPTER_A ADAPTER_B. Asked for: within 5 %."""

import json
import sys
from pathlib import Path

NAMES = "quant_triage_adapter.json"
first, second = (json.loads((Path(folder) / NAMES).read_text()) for folder in sys.argv[1:])
print(f"step  {first['backend']:>8}  {second['backend']:>8}  difference")
pairs = list(zip(first["losses"], second["losses"], strict=True))
for step, (a, b) in enumerate(pairs, start=1):
    print(f"{step:4}  {a:8.4f}  {b:8.4f}  {abs(a - b) / b:9.2%}")
tail = pairs[-len(pairs) // 4 :]
for name, part in (("all steps", pairs), ("last quarter", tail)):
    mean_a, mean_b = (sum(column) / len(part) for column in zip(*part, strict=True))
    print(f"{name}: {mean_a:.4f} and {mean_b:.4f}, difference of means {abs(mean_a - mean_b) / mean_b:.2%}")
print(f"largest difference of a step: {max(abs(a - b) / b for a, b in pairs):.2%}")
for info in (first, second):
    gpu = (info["peak_gpu_bytes"] or 0) / 1e6
    tokens = info["tokens"] / info["seconds"]
    print(
        f"{info['backend']}: {info['seconds']:.1f} s in all, {tokens:.0f} tokens/s, peak {gpu:.0f} MB on "
        f"{info['device']}, {info['trainable_parameters']} parameters trained, {info['versions']}"
    )
