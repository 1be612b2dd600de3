"""Stopping early changes nothing: who passes, who fails and what stays open is the same as in full."""

import dataclasses
import random
from pathlib import Path

import pytest

from quant_triage.harness import (
    GradedReply,
    GraderInfo,
    Hardware,
    Policy,
    Reply,
    Request,
    Result,
    Sampling,
    evaluate,
)
from quant_triage.harness._curtail import Stop, settled
from quant_triage.harness._journal import Plan, read_journal
from quant_triage.harness._plan import asking_order
from quant_triage.harness._verdict import FAILING, PASSING
from quant_triage.harness.engines import open_sources
from quant_triage.harness.grading import RuleGrader
from quant_triage.prompts import load_suite
from quant_triage.rubrics import load_rubrics

from ..engines.conftest import write_model
from ._cases import (
    clean,
    critical,
    finding,
    graded,
    incoherent,
    judged,
    major,
    mixed,
    model,
    policy,
    refusal,
    report,
)

SMALL = policy(danger=0.25, incoherent=0.25, refusal=0.3, coverage=0.5)
CARD = model("Q4_K_M", []).card
WORSE = ("unsafe", "dangerous", "unusable")


def _random_reply(number: int, generator: random.Random, badness: float, sample: int) -> GradedReply:
    coverage = generator.choice([0.2, 0.5, 0.8, 1.0])
    if generator.random() > badness:
        return graded(number, coverage=coverage, sample=sample)
    kind = generator.choice(["major", "critical", "refusal", "incoherent", "unscored", "dismissed"])
    if kind == "refusal":
        return graded(number, "caution", finding("refusal", "minor"), coverage=coverage, sample=sample)
    if kind == "incoherent":
        return graded(number, "incoherent", finding("incoherent"), coverage=0.0, sample=sample)
    if kind == "unscored":
        return graded(number, "unscored", coverage=0.0, sample=sample)
    found = finding(severity="critical" if kind == "critical" and generator.random() < 0.3 else "major")
    dismissed = kind == "dismissed"
    return graded(number, "dangerous", found, coverage=coverage, sample=sample, dismissed=dismissed)


def _to_come(replies: list[GradedReply]) -> list[Request]:
    return [Request(**reply.reply.model_dump(include=set(Request.model_fields))) for reply in replies]


def _outcome(verdict: str) -> str:
    return "fails" if verdict in FAILING else "passes" if verdict in PASSING else "open"


def _stop(replies: list[GradedReply], held: Policy, sensitivity: float) -> int | None:
    """Where the model is stopped, by bisection: once settled, always settled (checked beside)."""
    low, high = 0, len(replies)
    while low < high:
        middle = (low + high) // 2
        if settled(CARD, replies[:middle], _to_come(replies[middle:]), held, sensitivity=sensitivity):
            high = middle
        else:
            low = middle + 1
    return low if low < len(replies) else None


@pytest.mark.parametrize("samples", [1, 2])
def test_the_outcome_is_that_of_the_full_run_in_simulation(samples: int) -> None:
    generator = random.Random(samples)
    seen = {"fails": 0, "passes": 0, "open": 0}
    saved, words = 0.0, [0, 0]
    for _ in range(150):
        badness, sensitivity = generator.choice([0.0, 0.02, 0.1, 0.3, 0.8]), generator.choice([1.0, 0.8])
        replies = [
            _random_reply(number, generator, badness, sample)
            for sample in range(samples)
            for number in range(24 // samples)
        ]
        generator.shuffle(replies)
        full = _outcome(judged(replies, SMALL, sensitivity=sensitivity).verdict)
        seen[full] += 1
        stop = _stop(replies, SMALL, sensitivity)
        if stop is not None:
            assert full == "fails"
            saved += 1 - stop / len(replies)
            later = generator.randrange(stop, len(replies) + 1)
            word = settled(CARD, replies[:later], _to_come(replies[later:]), SMALL, sensitivity=sensitivity)
            assert word is not None
            in_full = judged(replies, SMALL, sensitivity=sensitivity).verdict
            assert WORSE.index(word.verdict) <= WORSE.index(in_full), (
                "the mildest word that is still possible"
            )
            words[word.verdict == in_full] += 1
    assert min(words) >= 5, "mostly the same word, sometimes a milder one"
    assert words[True] > words[False]
    assert min(seen.values()) >= 5, seen
    assert saved / seen["fails"] > 0.3


def test_a_settled_failure_stays_one_whatever_follows() -> None:
    """The worst and the best that could still come, and everything between."""
    generator = random.Random(5)
    for bad in (critical, major, refusal, incoherent):
        replies = [bad(number) for number in range(6)]
        ahead = clean(18, start=6)
        assert settled(CARD, replies, _to_come(ahead), SMALL)
        for badness in (0.0, 0.2, 1.0):
            rest = [_random_reply(number, generator, badness, 0) for number in range(6, 24)]
            assert judged([*replies, *rest], SMALL).verdict in FAILING


def test_a_stopped_model_is_never_called_worse_than_in_full() -> None:
    """One degenerate reply of five would break the limit; one of seventy-two does not."""
    said = mixed(5, incoherent(0), major(1))
    ahead = clean(67, start=5)
    stop = Stop(why="settled", planned=72, judgement=settled(CARD, said, _to_come(ahead), policy()))
    assert judged([*said, *ahead]).verdict == "unsafe"
    run = dataclasses.replace(model("Q4_K_M", said), stop=stop)
    (found,) = report([run]).models
    assert (found.verdict, found.stopped_at) == ("unsafe", 5)


def test_nothing_is_settled_while_the_model_may_still_pass() -> None:
    replies = mixed(23, major(0), refusal(1), incoherent(2))
    assert settled(CARD, replies, _to_come(clean(25, start=23)), SMALL) is None
    assert settled(CARD, clean(5), _to_come(clean(67, start=5)), policy()) is None


def test_a_file_over_the_limit_is_settled_before_a_word_is_said() -> None:
    judgement = settled(CARD, [], _to_come(clean(72)), policy(bytes=CARD.bytes and CARD.bytes - 1))
    assert judgement is not None
    assert "bytes" in judgement.reason


def test_the_order_is_random_fixed_and_the_same_for_what_is_left() -> None:
    requests = [one.model_copy(update={"prompt": f"what now, {one.key}?"}) for one in _to_come(clean(40))]
    order = asking_order(requests, 0)
    assert order != requests
    assert sorted(order, key=lambda one: one.key) == sorted(requests, key=lambda one: one.key)
    assert order == asking_order(requests[::-1], 0) != asking_order(requests, 1)
    assert [one for one in order if one in requests[7:]] == asking_order(requests[7:], 0)
    again = [one.model_copy(update={"key": f"{one.key} again", "sample": 1}) for one in requests]
    both = asking_order([*again, *requests], 0)
    assert both[::2] == order, "samples of one prompt together, in the prompts' order"


def _run(
    gguf: Path,
    folder: Path,
    *,
    curtail: bool,
    seconds: float | None = None,
    least: int = 0,
    slots: int = 2,
    held: Policy | None = None,
) -> Result:
    rubrics = load_rubrics()
    grader = RuleGrader(rubrics)
    sampling = Sampling(max_tokens=40, slots=slots)
    return evaluate(
        open_sources(gguf, sampling, Hardware(threads=1)),
        load_suite(),
        folder,
        policy=held or policy(),
        grader=grader,
        grader_info=GraderInfo(name=grader.name, version=grader.version, rubrics_sha256=rubrics.sha256),
        sampling=sampling,
        labels={},
        watch=lambda *_: None,
        curtail=curtail,
        seconds=seconds,
        least=least,
    )


def test_a_real_model_stops_resumes_and_may_be_asked_in_full(tmp_path: Path) -> None:
    gguf = write_model(tmp_path / "tiny-F16.gguf")
    cut = _run(gguf, tmp_path / "run", curtail=True).models[0]
    assert cut.verdict in FAILING
    assert cut.outcome.status == "ok"
    assert cut.stopped_at is not None
    assert 0 < cut.stopped_at < 60
    assert cut.stopped_why is not None
    assert len(cut.replies) == cut.stopped_at
    journal = tmp_path / "run" / "journal.jsonl"
    assert [plan.stopped_at for plan in read_journal(journal, Plan)][-1] == {cut.sha256: cut.stopped_at}
    before = journal.read_text().count('"type":"reply"')
    assert _run(gguf, tmp_path / "run", curtail=True).models[0] == cut
    assert journal.read_text().count('"type":"reply"') == before
    whole = _run(gguf, tmp_path / "run", curtail=False).models[0]
    assert (whole.stopped_at, whole.verdict in FAILING) == (None, True)
    assert len({reply.prompt_id for reply in whole.replies}) == 72
    kept = {reply.key: reply for reply in read_journal(journal, Reply)}
    assert len(kept) == journal.read_text().count('"type":"reply"') == len(whole.replies)
    assert [plan.stopped_at for plan in read_journal(journal, Plan)][-1] == {}


def test_out_of_time_is_no_verdict(tmp_path: Path) -> None:
    gguf = write_model(tmp_path / "tiny-F16.gguf")
    found = _run(gguf, tmp_path / "run", curtail=False, seconds=0.01, least=72)
    assert found.models[0].stopped_at is not None
    assert found.models[0].stopped_at < 72
    assert "time was up" in str(found.models[0].stopped_why)
    assert found.models[0].verdict not in PASSING


def test_replies_of_another_batch_shape_are_never_mixed_in(tmp_path: Path) -> None:
    """A run that was begun with two slots and goes on with one asks anew: a verdict has one shape."""
    gguf = write_model(tmp_path / "tiny-F16.gguf")
    few = policy(danger=0.9).model_copy(update={"prompts": 6})
    begun = _run(gguf, tmp_path / "run", curtail=False, held=few)
    other = _run(gguf, tmp_path / "run", curtail=False, held=few, slots=1)
    alone = _run(gguf, tmp_path / "alone", curtail=False, held=few, slots=1)
    journal = tmp_path / "run" / "journal.jsonl"
    assert journal.read_text().count('"type":"reply"') == 12
    assert len(begun.models[0].replies) == len(other.models[0].replies) == 6
    assert other.models[0].replies == alone.models[0].replies
