"""Endpoints: real HTTP on the loopback interface, with every kind of trouble."""

import time
from collections.abc import Callable, Iterator

import pytest

from quant_triage.data import UsageError
from quant_triage.harness._records import Hardware, Outcome, Reply, Request, Sampling, Speed
from quant_triage.harness.engines import EndpointSource, TimeLimits, open_sources

from .chat_server import ChatServer, Trouble, serving

Questions = Callable[..., list[Request]]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving() as running:
        yield running


def source(
    server: ChatServer, *, limits: TimeLimits | None = None, spec: str | None = None, **sampling: float
) -> EndpointSource:
    settings = Sampling.model_validate({"slots": 4, "max_tokens": 40, **sampling})
    (found,) = open_sources(spec or server.url, settings, Hardware())
    assert isinstance(found, EndpointSource)
    return EndpointSource(
        server.url,
        found.card,
        str(server.models[0]["id"]),
        settings,
        limits=limits or TimeLimits(),
        tries=3,
        first_wait=0.02,
    )


def ask(asked: EndpointSource, requests: list[Request]) -> tuple[list[Reply], Outcome, Speed]:
    replies: list[Reply] = []
    outcome, speed = asked.generate(requests, replies.append, lambda _progress: None)
    return replies, outcome, speed


def test_all_questions_are_answered_side_by_side(server: ChatServer, questions: Questions) -> None:
    server.troubles = [{"slow": 0.05}] * 12
    replies, outcome, speed = ask(source(server), questions(12))
    assert outcome == Outcome(status="ok")
    assert {reply.prompt: reply.reply for reply in replies} == {
        request.prompt: f"keep calm é☃ {request.prompt}" for request in questions(12)
    }
    assert 2 <= server.most <= 4
    assert speed.tokens == sum(reply.tokens for reply in replies) == 12 * 6
    assert speed.prompt_tokens == 12 * 7
    assert speed.first_token_seconds


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503},
        {"status": 429, "headers": {"Retry_After": "0.05"}},
        {"status": 500, "body": {"error": {"message": "slot lost"}}},
        {"drop": True},
        {"cut": 1},
        {"raw": "{half"},
        {"raw": '{"error": {"message": "out of slots"}}'},
    ],
    ids=str,
)
def test_trouble_that_passes_is_tried_again(
    server: ChatServer, questions: Questions, trouble: Trouble
) -> None:
    server.troubles = [trouble] * 2
    replies, outcome, _ = ask(source(server, slots=1), questions(3))
    assert outcome == Outcome(status="ok")
    assert sorted(reply.key for reply in replies) == ["0", "1", "2"]
    assert all(reply.reply.startswith("keep calm") for reply in replies)
    assert sum(server.tries.values()) == 5


def test_the_server_is_given_the_time_that_it_asks_for(server: ChatServer, questions: Questions) -> None:
    server.troubles = [{"status": 429, "headers": {"Retry_After": "0.5"}}]
    began = time.monotonic()
    assert ask(source(server), questions(1))[1].status == "ok"
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(
    ("trouble", "status", "cause"),
    [
        ({"status": 503, "body": {"error": "busy"}}, "crashed", "given up after 3 tries: HTTP 503: busy"),
        ({"status": 401, "body": {"message": "no key"}}, "not_loaded", "HTTP 401: no key"),
        ({"status": 400, "body": {"error": {"message": "too\nlong"}}}, "not_loaded", "HTTP 400: too long"),
        ({"raw": "[1]"}, "not_loaded", "does not speak OpenAI's protocol: '[1]'"),
        ({"endless": True}, "not_loaded", "it ignores max_tokens"),
    ],
)  # fmt: skip
def test_trouble_that_stays_is_the_models_outcome(
    server: ChatServer, questions: Questions, trouble: Trouble, status: str, cause: str
) -> None:
    server.troubles = [trouble] * 99
    _, outcome, _ = ask(source(server, slots=1), questions(2))
    assert outcome.status == status
    assert cause in str(outcome.cause)
    assert "\n" not in str(outcome.cause)


def test_what_was_answered_before_is_kept(server: ChatServer, questions: Questions) -> None:
    server.troubles = [{}, {}, {"status": 400}]
    replies, outcome, _ = ask(source(server, slots=1), questions(5))
    assert len(replies) == 2
    assert outcome.status == "crashed"


@pytest.mark.parametrize(
    ("trouble", "limits", "cause"),
    [
        ({"slow": 30.0}, TimeLimits(stall=0.3), "no sign of life for 0.3 s"),
        ({"slow": 0.2}, TimeLimits(reply=0.3), "no reply finished within 0.3 s"),
        ({"slow": 30.0}, TimeLimits(model=0.3), "not done within 0.3 s"),
    ],
)
def test_a_server_that_hangs_is_left(
    server: ChatServer, questions: Questions, trouble: Trouble, limits: TimeLimits, cause: str
) -> None:
    server.troubles = [trouble] * 9
    began = time.monotonic()
    _, outcome, _ = ask(source(server, limits=limits), questions(3))
    assert outcome == Outcome(status="hung", cause=cause)
    assert time.monotonic() - began < 5


def test_a_server_that_goes_away_is_an_outcome(questions: Questions) -> None:
    with serving() as server:
        asked = source(server)
    replies, outcome, _ = ask(asked, questions(2))
    assert (replies, outcome.status) == ([], "crashed")
    assert "given up after 3 tries: ConnectError" in str(outcome.cause)


def test_a_caller_that_stops_is_not_held_up(server: ChatServer, questions: Questions) -> None:
    server.troubles = [{}, *[{"slow": 30.0}] * 9]
    asked = source(server, slots=2)

    def full(_reply: Reply) -> None:
        raise TimeoutError("the caller's own")

    began = time.monotonic()
    with pytest.raises(TimeoutError, match="the caller's own"):
        asked.generate(questions(5), full, lambda _progress: None)
    assert time.monotonic() - began < 5


def test_samples_have_seeds_and_the_first_is_greedy(server: ChatServer, questions: Questions) -> None:
    first = questions(1)[0]
    requests = [first.model_copy(update={"sample": n, "key": str(n)}) for n in range(3)]
    replies, _, _ = ask(source(server, temperature=1.0), requests)
    texts = {reply.sample: reply.reply for reply in replies}
    assert texts[0].startswith("keep calm")
    assert texts[1].split()[0] != texts[2].split()[0]
    greedy = next(body for body in server.asked if body["temperature"] == 0)
    assert "top_k" not in greedy
    again, _, _ = ask(source(server, temperature=1.0), requests)
    assert {reply.sample: reply.reply for reply in again} == texts


def test_a_server_that_does_not_stream_is_read_whole(server: ChatServer, questions: Questions) -> None:
    server.troubles = [{"whole": True}]
    replies, outcome, _ = ask(source(server), questions(1))
    assert outcome.status == "ok"
    assert (replies[0].tokens, replies[0].finish_reason) == (5, "stop")


def test_identity_is_the_servers_word_stable_and_marked(server: ChatServer) -> None:
    card = source(server).card
    assert not card.verified
    assert card.level == "Q4_K_M"
    assert card.name == f"tiny-Q4_K_M at {server.url.split('/')[2]}"
    assert source(server).card == card  # "created" differs in every answer
    server.models[0]["meta"] = {"n_params": 6}
    assert source(server).card.sha256 != card.sha256


def test_one_of_several_models_is_named() -> None:
    with serving([{"id": "a"}, {"id": "b"}]) as server:
        with pytest.raises(UsageError, match="serves 2 models: add #MODEL, one of a, b"):
            open_sources(server.url, Sampling(), Hardware())
        with pytest.raises(UsageError, match="no such model there, only a, b"):
            open_sources(f"{server.url}#c", Sampling(), Hardware())
        for spelled in (f"{server.url}#b", f"{server.url.removesuffix('/v1')}/#b"):
            (found,) = open_sources(spelled, Sampling(), Hardware())
            assert found.card.name.startswith("b at ")


def test_the_key_goes_into_a_header(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_TRIAGE_API_KEY", "planted")
    source(server)
    assert server.headers[-1]["Authorization"] == "Bearer planted"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("http://127.0.0.1:9/v1", "cannot be reached"),
        ("http:///v1", "is no endpoint"),
        ("http://user:secret@127.0.0.1:9/v1", "keys go to QUANT_TRIAGE_API_KEY"),
    ],
)
def test_what_is_no_endpoint_is_refused_before_any_work(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        open_sources(spec, Sampling(), Hardware())
