"""What becomes of a run when a model's process dies, hangs or talks nonsense: real processes and signals."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from quant_triage.harness._records import Hardware, Outcome, Reply, Request, Sampling, Speed
from quant_triage.harness.engines import GgufSource, Progress, TimeLimits

Questions = Callable[..., list[Request]]
Build = Callable[..., Path]


def run(
    path: Path,
    requests: list[Request],
    *,
    limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
    command: list[str] | None = None,
    on_reply: Callable[[Reply], None] = lambda _reply: None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> tuple[Outcome, Speed]:
    sampling, hardware = Sampling(max_tokens=400, slots=2, context=1024), Hardware(threads=1)
    source = (
        GgufSource(path, sampling, hardware, limits=limits, command=command)
        if command
        else GgufSource(path, sampling, hardware, limits=limits)
    )
    return source.generate(requests, on_reply, on_progress)


def engine_child() -> psutil.Process:
    (child,) = [p for p in psutil.Process().children() if "_boot.py" in " ".join(p.cmdline())]
    return child


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [
        (signal.SIGKILL, "killed", "SIGKILL"),
        (signal.SIGSEGV, "crashed", "SIGSEGV (Segmentation fault)"),
        (signal.SIGILL, "crashed", "SIGILL"),
        (signal.SIGABRT, "crashed", "SIGABRT"),
    ],
)
def test_a_signal_is_an_outcome_and_earlier_replies_are_kept(
    tiny: Path, questions: Questions, number: int, status: str, says: str
) -> None:
    replies: list[Reply] = []

    def keep(reply: Reply) -> None:
        replies.append(reply)
        if len(replies) == 3:
            engine_child().send_signal(number)

    outcome, speed = run(tiny, questions(40), on_reply=keep)
    assert outcome.status == status
    assert outcome.cause is not None
    assert says in outcome.cause
    assert f" after {len(replies)} of 40 replies" in outcome.cause
    assert "\n" not in outcome.cause
    assert 3 <= len(replies) < 40
    assert speed.tokens > 0
    assert speed.peak_rss_bytes


def test_a_hang_is_noticed_and_ended(tiny: Path, questions: Questions) -> None:
    stopped: list[psutil.Process] = []

    def stop(_reply: Reply) -> None:
        if not stopped:
            stopped.append(engine_child())
            stopped[0].suspend()

    began = time.monotonic()
    outcome, _ = run(tiny, questions(40), limits=TimeLimits(stall=1.5), on_reply=stop)
    assert outcome == Outcome(status="hung", cause="no sign of life for 1.5 s")
    assert time.monotonic() - began < 30
    assert not stopped[0].is_running()


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (TimeLimits(reply=0.002), "no reply finished within 0.002 s"),
        (TimeLimits(model=0.05), "not done within 0.05 s"),
    ],
)
def test_limits_per_reply_and_per_model(
    tiny: Path, questions: Questions, limits: TimeLimits, says: str
) -> None:
    assert run(tiny, questions(40), limits=limits)[0] == Outcome(status="hung", cause=says)


def test_a_model_that_never_finishes_loading(tiny: Path, questions: Questions) -> None:
    outcome, speed = run(tiny, questions(2), limits=TimeLimits(load=0.5), command=["sleep", "60"])
    assert outcome == Outcome(status="hung", cause="did not load within 0.5 s")
    assert speed == Speed()


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (
            "import sys; sys.exit('no such kernel')",
            "exit code 1 while it was loading; its last words: no such kernel",
        ),
        ("print('hello'); print('{\"event\": \"strange\"}')", "exit code 0 while it was loading"),
        (
            "import os; os.write(1, b'\\xff\\x00' * 100_000); os.abort()",
            "SIGABRT (Aborted) while it was loading",
        ),
    ],
)
def test_a_child_that_talks_nonsense(tiny: Path, questions: Questions, script: str, cause: str) -> None:
    outcome, _ = run(tiny, questions(2), command=[sys.executable, "-c", script])
    assert outcome == Outcome(status="crashed", cause=cause)


def test_nan_logits_are_found(tmp_path: Path, build_model: Build, questions: Questions) -> None:
    outcome, _ = run(build_model(tmp_path / "nan.gguf", poison=True), questions(4))
    assert outcome.status == "nan"
    assert outcome.cause is not None
    assert "not finite at token 1 in the reply to 'q-" in outcome.cause


def test_a_file_that_llama_cpp_refuses_says_why(
    tmp_path: Path, build_model: Build, questions: Questions
) -> None:
    outcome, _ = run(build_model(tmp_path / "m.gguf", without="blk.1.attn_k.weight"), questions(2))
    assert outcome.status == "not_loaded"
    assert outcome.cause is not None
    assert "blk.1.attn_k.weight" in outcome.cause


def test_a_file_damaged_after_the_check_is_that_models_outcome(
    tiny: Path, tmp_path: Path, questions: Questions
) -> None:
    path = Path(shutil.copy(tiny, tmp_path / "m.gguf"))
    source = GgufSource(path, Sampling(), Hardware(threads=1))
    os.truncate(path, path.stat().st_size // 2)
    outcome, _ = source.generate(questions(2), lambda _reply: None, lambda _progress: None)
    assert outcome.status in {"not_loaded", "crashed"}
    assert outcome.cause


def test_too_little_memory_is_that_models_outcome(tiny: Path, questions: Questions) -> None:
    from quant_triage.harness.engines._process import CHILD  # noqa: PLC0415

    words = " ".join(f"'{word}'" for word in CHILD)
    outcome, _ = run(tiny, questions(2), command=["bash", "-c", f"ulimit -v 150000; exec {words}"])
    assert outcome.status in {"not_loaded", "crashed"}
    assert outcome.cause


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """The list of processes of a control group that holds 120 MB."""
    for root, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"quant-triage-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text("120000000")
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        yield group / "cgroup.procs"
        group.rmdir()
        return
    pytest.skip("may not make a control group here")


def test_a_kill_for_lack_of_memory_is_told_from_others(
    tmp_path: Path, small_memory: Path, build_model: Build, questions: Questions
) -> None:
    greedy = "import sys; hold = [bytearray(b'x' * 10_000_000) for _ in range(100)]"
    command = ["bash", "-c", f'echo $$ > {small_memory}; exec {sys.executable} -c "{greedy}"']
    outcome, _ = run(build_model(tmp_path / "m.gguf"), questions(2), command=command)
    assert outcome.status == "killed"
    assert outcome.cause == "killed by the kernel for lack of memory while it was loading"


def test_an_error_of_the_caller_ends_the_child_and_passes_through(tiny: Path, questions: Questions) -> None:
    children: list[psutil.Process] = []

    def full(_reply: Reply) -> None:
        children.append(engine_child())
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        run(tiny, questions(40), on_reply=full)
    assert not children[0].is_running()


def test_progress_can_stop_a_silent_child(tiny: Path, questions: Questions) -> None:
    def interrupt(_progress: Progress) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(tiny, questions(2), command=["sleep", "60"], on_progress=interrupt)
    assert time.monotonic() - began < 10


PARENT = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from quant_triage.harness._records import Hardware, Request, Sampling
from quant_triage.harness.engines import GgufSource

requests = [
    Request(key=str(n), prompt_id=f"q-{n}", scenario="shock", sample=0, prompt=f"what {n}")
    for n in range(5000)
]
source = GgufSource(Path(sys.argv[1]), Sampling(max_tokens=200), Hardware(threads=1))
source.generate(requests, lambda reply: print(reply.key, flush=True), lambda progress: None)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_child_does_not_outlive_its_parent(tiny: Path, number: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tiny)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        assert parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        parent.send_signal(number)
        parent.communicate(timeout=30)
        deadline = time.monotonic() + 10
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
