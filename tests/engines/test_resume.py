"""Engine and journal together: killed at any moment, run again, nothing twice and nothing missing."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_triage.harness._journal import Journal
from quant_triage.harness._records import Hardware, Reply, Request, Sampling
from quant_triage.harness.engines import GgufSource

COUNT = 40

RUN = """
import sys
from pathlib import Path
from quant_triage.harness._journal import Journal
from quant_triage.harness._records import Hardware, Request, Sampling
from quant_triage.harness.engines import GgufSource

source = GgufSource(Path(sys.argv[1]), Sampling(max_tokens=40, slots=int(sys.argv[3])), Hardware(threads=1))
asked = [f"what should I do {'my friend is bleeding ' * (n % 5)}{n}" for n in range(int(sys.argv[4]))]
requests = [
    Request(key=source.key(prompt, 0), prompt_id=f"q-{n}", scenario="shock", sample=0, prompt=prompt)
    for n, prompt in enumerate(asked)
]
with Journal(Path(sys.argv[2])) as journal:
    missing = [request for request in requests if request.key not in journal.done]

    def keep(reply):
        journal.reply(reply)
        print(len(journal.done), flush=True)

    outcome, speed = source.generate(missing, keep, lambda progress: None)
    assert outcome.status == "ok", outcome
    journal.verify((request.key, request.prompt_id) for request in requests)
"""


def start(model: Path, journal: Path, slots: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(model), str(journal), str(slots), str(COUNT)],
        stdout=subprocess.PIPE,
        text=True,
    )


def texts(path: Path) -> dict[str, str]:
    with Journal(path) as journal:
        return {reply.key: reply.reply for reply in journal.find(journal.done)}


@pytest.mark.slow
@pytest.mark.parametrize("slots", [1, 6])
def test_kill_9_and_resume(tiny: Path, tmp_path: Path, slots: int) -> None:
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    with start(tiny, whole, slots) as run:
        run.communicate(timeout=120)
        assert run.returncode == 0
    for moment in (3, 20):
        with start(tiny, killed, slots) as run:
            assert run.stdout
            for line in run.stdout:
                if int(line) >= moment:
                    run.send_signal(signal.SIGKILL)
                    break
        assert run.returncode == -signal.SIGKILL
    with start(tiny, killed, slots) as run:
        run.communicate(timeout=120)
        assert run.returncode == 0
    assert set(texts(killed)) == set(texts(whole))
    assert len(texts(killed)) == COUNT
    assert killed.read_bytes().count(b'{"type":"reply"') == COUNT
    if slots == 1:
        assert texts(killed) == texts(whole)


def test_a_killed_model_is_resumed_where_it_stopped(
    tiny: Path, tmp_path: Path, questions: Callable[..., list[Request]]
) -> None:
    import psutil  # noqa: PLC0415

    source = GgufSource(tiny, Sampling(max_tokens=40, slots=2), Hardware(threads=1))
    requests = questions(80, source.key)
    path = tmp_path / "journal.jsonl"
    generated = 0

    def kill_at_five(reply: Reply) -> None:
        nonlocal generated
        generated += 1
        journal.reply(reply)
        if generated == 5:
            for child in psutil.Process().children():
                child.kill()

    outcomes = []
    for _ in range(2):
        with Journal(path) as journal:
            missing = [request for request in requests if request.key not in journal.done]
            outcomes.append(source.generate(missing, kill_at_five, lambda _progress: None)[0])
    assert [outcome.status for outcome in outcomes] == ["killed", "ok"]
    assert generated == 80
    with Journal(path) as journal:
        journal.verify((request.key, request.prompt_id) for request in requests)
