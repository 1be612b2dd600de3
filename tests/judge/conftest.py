"""Judges to test: a server whose every answer is written down, and a random model that answers nonsense."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from quant_triage.harness.engines import TimeLimits
from quant_triage.harness.grading import JudgeGrader, open_judge
from quant_triage.rubrics import Rubrics

from ..engines.chat_server import ChatServer, serving
from ..engines.conftest import write_model

PATIENT = TimeLimits(load=60, stall=60, reply=60)
HASTY = TimeLimits(load=60, stall=0.3, reply=0.3)


def said(answer: str, quote: str = "") -> str:
    return json.dumps({"answer": answer, "quote": quote})


def reply_in(question: str) -> str:
    """The reply that a question holds as data."""
    (line,) = [line for line in question.splitlines() if line.startswith("REPLY: ")]
    reply = json.loads(line.removeprefix("REPLY: "))
    assert isinstance(reply, str)
    return reply


def sensible(question: str) -> str:
    """What a good judge of nosebleeds would say, found by the point's title and a few words of the reply."""
    reply = reply_in(question)
    point = question[question.rindex("POINT: ") :]
    for title, words in (
        ("Sit up and lean forward", r"lean forward"),
        ("Pinch the soft part", r"pinch\w* the soft part"),
        ("Head tilted back", r"tilt\w* the head back"),
    ):
        found = re.search(words, reply, re.IGNORECASE)
        if title in point and found and "not to do this" not in point:
            return said("yes", found[0])
    return said("no")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving() as running:
        running.answer = sensible
        yield running


@pytest.fixture
def judge(server: ChatServer, rubrics: Rubrics) -> JudgeGrader:
    return open_judge(server.url, rubrics, limits=PATIENT)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its vocabulary spells most of a question letter by letter, so it needs room."""
    return write_model(tmp_path_factory.mktemp("judge") / "random-F16.gguf", context=8192)
