"""Does cost grow as the work? Recorded replies in growing numbers, graded and reported for real."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from quant_triage.data import Record, UsageError
from quant_triage.prompts import Prompt

_FINISHED = {0, 1, 3}


class Scale(Record):
    """One size: how many replies, and what grading and reporting them took.

    Attributes:
        peak_rss_bytes: Most memory that the whole command held.
    """

    replies: int
    seconds: float
    peak_rss_bytes: int


def write_recording(path: Path, prompts: Sequence[Prompt], texts: Sequence[str], count: int) -> None:
    """Write ``count`` replies of two levels to questions that are all different."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count // 2):
            prompt = prompts[number % len(prompts)]
            line = {
                "prompt": f"{prompt.text} (Case {number}.)",
                "scenario": prompt.scenario,
                "reply": f"{texts[number % len(texts)]} Case {number}.",
            }
            for level in ("Q4_K_M", "Q2_K"):
                file.write(json.dumps({"level": level, **line}) + "\n")


def measure_scale(
    prompts: Sequence[Prompt], texts: Sequence[str], count: int, told: Callable[[str], None]
) -> tuple[Scale, ...]:
    """Evaluate a quarter, a half and all of ``count`` recorded replies, each in a process of its own.

    Raises:
        UsageError: The command failed.
    """
    found = []
    for size in (count // 4, count // 2, count):
        with tempfile.TemporaryDirectory(prefix="quant-triage-scale-") as folder:
            recording = Path(folder) / "replies.jsonl"
            write_recording(recording, prompts, texts, size)
            scale = _run(recording, Path(folder) / "out", size)
        megabytes = scale.peak_rss_bytes / 1e6
        told(f"{size} replies: {scale.seconds:.1f} s, at most {megabytes:.0f} MB")
        found.append(scale)
    return tuple(found)


def _run(recording: Path, out: Path, size: int) -> Scale:
    command = [
        sys.executable,
        "-m",
        "quant_triage.harness.cli",
        "evaluate",
        str(recording),
        "--out",
        str(out),
    ]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in _FINISHED or not (out / "report.html").is_file():
            said.seek(0)
            last = said.read().decode("utf-8", "replace").strip().splitlines() or ["nothing"]
            raise UsageError(f"evaluate ended with code {process.returncode}: {last[-1]}")
    return Scale(replies=size, seconds=seconds, peak_rss_bytes=usage.ru_maxrss * 1024)


def scale_section(scales: Sequence[Scale], *, command: str, when: str, machine: dict[str, str]) -> str:
    """Render sizes as Markdown; the last columns compare each with the size before."""
    lines = [
        "## Many replies",
        "",
        f"`{command}`, {when}. {machine['processor']}, {machine['memory']}.",
        "Recorded replies of two levels, graded, decided and reported by `evaluate`.",
        "",
        "| replies | seconds | peak memory | seconds, over the size before | memory, for each reply more |",
        "|--:|--:|--:|--:|--:|",
    ]
    before: Scale | None = None
    for scale in scales:
        ratio, each = "", ""
        if before is not None:
            ratio = f"{scale.seconds / before.seconds:.2f}"
            more = (scale.peak_rss_bytes - before.peak_rss_bytes) / (scale.replies - before.replies)
            each = f"{more:.0f} bytes"
        peak = f"{scale.peak_rss_bytes / 1e6:.0f} MB"
        lines.append(f"| {scale.replies} | {scale.seconds:.1f} | {peak} | {ratio} | {each} |")
        before = scale
    return "\n".join(lines)
