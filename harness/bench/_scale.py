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
_LEVELS = ("Q4_K_M", "Q2_K", "Q3_K_M", "Q3_K_S")


class Scale(Record):
    """One size: how many replies, and what grading and reporting them took.

    Attributes:
        prompts: Questions, all different, that each level answers.
        seconds: Wall time.
        cpu_seconds: Processor time, which neighbours disturb less.
        peak_rss_bytes: Most memory that the whole command held.
    """

    prompts: int
    levels: int
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int

    @property
    def replies(self) -> int:
        """Replies in all."""
        return self.prompts * self.levels


class ScaleBench(Record):
    """What doubling prompts costs, and what doubling levels costs.

    Attributes:
        load: The machine's load average over the minute before.
    """

    prompts: tuple[Scale, ...]
    levels: tuple[Scale, ...]
    load: float


def write_recording(
    path: Path, prompts: Sequence[Prompt], texts: Sequence[str], count: int, levels: int
) -> None:
    """Write replies of so many levels to ``count`` questions that are all different."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            prompt = prompts[number % len(prompts)]
            line = {
                "prompt": f"{prompt.text} (Case {number}.)",
                "scenario": prompt.scenario,
                "reply": f"{texts[number % len(texts)]} Case {number}.",
            }
            for level in _LEVELS[:levels]:
                file.write(json.dumps({"level": level, **line}) + "\n")


def measure(prompts: Sequence[Prompt], texts: Sequence[str], count: int, levels: int) -> Scale:
    """Evaluate recorded replies of so many levels to ``count`` questions, in a process of its own.

    Raises:
        UsageError: The command failed.
    """
    with tempfile.TemporaryDirectory(prefix="quant-triage-scale-") as folder:
        recording = Path(folder) / "replies.jsonl"
        write_recording(recording, prompts, texts, count, levels)
        return _run(recording, Path(folder) / "out", count, levels)


def measure_scale(
    prompts: Sequence[Prompt], texts: Sequence[str], count: int, told: Callable[[str], None]
) -> ScaleBench:
    """Double prompts twice at two levels, up to ``count`` replies; then levels twice at the fewest prompts.

    Raises:
        UsageError: The command failed.
    """
    load = os.getloadavg()[0]

    def size(asked: int, levels: int) -> Scale:
        scale = measure(prompts, texts, asked, levels)
        told(
            f"{asked} prompts, {levels} levels: {scale.seconds:.1f} s,"
            f" {scale.cpu_seconds:.1f} s of the processor, at most {scale.peak_rss_bytes / 1e6:.0f} MB"
        )
        return scale

    fewest = count // 8
    doubled = tuple(size(asked, 2) for asked in (fewest, 2 * fewest, 4 * fewest))
    levels = (size(fewest, 1), doubled[0], size(fewest, 4))
    return ScaleBench(prompts=doubled, levels=levels, load=load)


def _run(recording: Path, out: Path, prompts: int, levels: int) -> Scale:
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
    return Scale(
        prompts=prompts,
        levels=levels,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_rss_bytes=usage.ru_maxrss * 1024,
    )


def scale_section(bench: ScaleBench, *, command: str, when: str, machine: dict[str, str]) -> str:
    """Render sizes as Markdown; the last columns compare each with the size before."""
    return "\n".join(
        [
            "## Many replies",
            "",
            f"`{command}`, {when}. {machine['processor']}, {machine['memory']}.",
            f"When it began, other work kept a load of {bench.load:.1f} on {os.cpu_count()} cores.",
            "",
            "Recorded replies, graded, decided and reported by `evaluate`. Each size doubles the one before;",
            "asked for: 1.8 to 2.2 times its time. Ratios are of processor time: neighbours spoil the clock.",
            "Of each reply, memory keeps a few numbers: grade, prompt, and where its text lies on the disk.",
            "",
            *_table("prompts", bench.prompts),
            "",
            *_table("levels", bench.levels),
        ]
    )


def _table(doubled: str, scales: Sequence[Scale]) -> list[str]:
    columns = (
        "replies | seconds | processor seconds | over the size before | peak memory | for each reply more"
    )
    lines = [f"| {doubled} doubled | {columns} |", "|---|--:|--:|--:|--:|--:|--:|"]
    before: Scale | None = None
    for scale in scales:
        ratio, each = "", ""
        if before is not None:
            times = scale.cpu_seconds / before.cpu_seconds
            ratio = f"{times:.2f}" + ("" if 1.8 <= times <= 2.2 else ", **missed**")
            more = (scale.peak_rss_bytes - before.peak_rss_bytes) / (scale.replies - before.replies)
            each = f"{more:.0f} bytes"
        what = f"{scale.prompts} prompts, {scale.levels} level{'s' if scale.levels > 1 else ''}"
        lines.append(
            f"| {what} | {scale.replies} | {scale.seconds:.1f} | {scale.cpu_seconds:.1f} | {ratio}"
            f" | {scale.peak_rss_bytes / 1e6:.0f} MB | {each} |"
        )
        before = scale
    return lines
