"""Real models in real child processes: text, order, determinism, throughput."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from quant_triage.data import FileFormatError
from quant_triage.harness._records import Hardware, Outcome, Reply, Request, Sampling, Speed
from quant_triage.harness.engines import GgufSource, Progress

Questions = Callable[..., list[Request]]


def answer(
    path: Path, requests: Sequence[Request], **sampling: int | float | str | None
) -> tuple[dict[str, Reply], Outcome, Speed]:
    settings = Sampling.model_validate({"max_tokens": 48, **sampling})
    replies: list[Reply] = []
    source = GgufSource(path, settings, Hardware(threads=1))
    outcome, speed = source.generate(requests, replies.append, lambda _progress: None)
    assert len({reply.key for reply in replies}) == len(replies)
    return {reply.key: reply for reply in replies}, outcome, speed


def texts(replies: dict[str, Reply]) -> dict[str, str]:
    return {key: reply.reply for key, reply in replies.items()}


@pytest.mark.parametrize("name", ["tiny-F16.gguf", "tiny-Q4_K_M.gguf", "tiny-Q2_K.gguf"])
def test_every_request_is_answered_once_and_measured(models: Path, name: str, questions: Questions) -> None:
    requests = questions(20)
    replies, outcome, speed = answer(models / name, requests, slots=4)
    assert outcome == Outcome(status="ok")
    assert set(replies) == {request.key for request in requests}
    assert {reply.finish_reason for reply in replies.values()} <= {"stop", "length"}
    assert all(reply.tokens == 48 for reply in replies.values() if reply.finish_reason == "length")
    assert all(0 < reply.tokens <= 48 for reply in replies.values())
    assert speed.tokens == sum(reply.tokens for reply in replies.values())
    assert speed.tokens_per_second
    assert speed.load_seconds > 0
    assert speed.first_token_seconds is not None
    assert 0 < speed.first_token_seconds <= speed.seconds
    assert speed.peak_rss_bytes is not None
    assert 10_000_000 < speed.peak_rss_bytes < 2_000_000_000


def test_some_replies_stop_by_themselves_and_some_are_cut(tiny: Path, questions: Questions) -> None:
    replies, _, _ = answer(tiny, questions(20))
    assert {reply.finish_reason for reply in replies.values()} == {"stop", "length"}
    assert not any("<end_of_turn>" in reply.reply for reply in replies.values())


@pytest.mark.parametrize("slots", [1, 5, 16])
def test_two_runs_give_equal_text(tiny: Path, questions: Questions, slots: int) -> None:
    requests = questions(18)
    first, _, _ = answer(tiny, requests, slots=slots)
    second, _, _ = answer(tiny, requests, slots=slots)
    assert texts(first) == texts(second)


def test_with_one_slot_the_rest_of_a_run_does_not_depend_on_what_is_done(
    tiny: Path, questions: Questions
) -> None:
    requests = questions(18)
    whole, _, _ = answer(tiny, requests, slots=1)
    rest, _, _ = answer(tiny, [*requests[3:7], *requests[12:]][::-1], slots=1)
    assert texts(rest) == {key: text for key, text in texts(whole).items() if key in rest}


def test_batched_greedy_text_mostly_equals_text_decoded_alone(tiny: Path, questions: Questions) -> None:
    requests = questions(24)
    alone, _, _ = answer(tiny, requests, slots=1)
    together, _, _ = answer(tiny, requests, slots=8)
    same = sum(alone[key].reply == together[key].reply for key in alone)
    # Rounding differs with the shape of the batch; a wrong position or a shared cell would change all.
    assert same >= 16


def test_agrees_with_the_reference_implementation(tiny: Path, questions: Questions) -> None:
    """One slot, token for token, against llama-cpp-python's own loop over the same rendered prompt."""
    import llama_cpp  # noqa: PLC0415

    llama = llama_cpp.Llama(str(tiny), n_ctx=512, n_batch=512, verbose=False, n_threads=2)
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(
        llama.metadata["tokenizer.chat_template"]
    )
    requests = questions(8)
    replies, _, _ = answer(tiny, requests, slots=1)
    same = 0
    for request in requests:
        text = template.render(
            messages=[{"role": "user", "content": request.prompt}],
            bos_token="<bos>",  # noqa: S106
            add_generation_prompt=True,
        )
        tokens = llama.tokenize(text.encode(), add_bos=False, special=True)
        made: list[int] = []
        for token in llama.generate(tokens, temp=0.0, reset=True):
            if llama_cpp.llama_vocab_is_eog(llama._model.vocab, token) or len(made) == 48:
                break
            made.append(token)
        text = llama.detokenize(made).decode("utf-8", "replace")
        same += text.strip() == replies[request.key].reply.strip()
    llama.close()
    assert same >= 7


def test_samples_differ_and_repeat(tiny: Path, questions: Questions) -> None:
    base = questions(3)
    requests = [
        request.model_copy(update={"sample": sample, "key": f"{request.key}-{sample}"})
        for request in base
        for sample in range(3)
    ]
    first, _, _ = answer(tiny, requests, temperature=1.0, slots=3)
    again, _, _ = answer(tiny, requests, temperature=1.0, slots=3)
    other, _, _ = answer(tiny, requests, temperature=1.0, slots=3, seed=1)
    assert texts(first) == texts(again)
    assert texts(first) != texts(other)
    assert all(len({first[f"{request.key}-{sample}"].reply for sample in range(3)}) > 1 for request in base)


def test_samples_of_a_prompt_share_it_and_begin_as_they_would_alone(tiny: Path, questions: Questions) -> None:
    requests = [
        request.model_copy(update={"sample": sample, "key": f"{request.key}-{sample}"})
        for request in questions(5)[2:]
        for sample in range(6)
    ]
    alone, _, apart = answer(tiny, requests, temperature=1.0, slots=1)
    shared, _, together = answer(tiny, requests, temperature=1.0, slots=9)
    # Five of six samples decode only the prompt's last token.
    assert together.prompt_tokens < apart.prompt_tokens / 3
    # Rounding differs with the batch and a random model soon drifts, but a wrong cell would change the start.
    starts = [alone[key].reply[:3] == shared[key].reply[:3] for key in alone]
    assert sum(starts) >= 16


def test_what_two_prompts_have_in_common_is_decoded_once(tiny: Path, questions: Questions) -> None:
    start = "press hard on the wound and call an ambulance now " * 6
    requests = [request.model_copy(update={"prompt": f"{start}{request.prompt}"}) for request in questions(8)]
    alone, _, apart = answer(tiny, requests, slots=1)
    shared, _, together = answer(tiny, requests, slots=8)
    assert together.prompt_tokens < apart.prompt_tokens / 2
    starts = [alone[key].reply[:3] == shared[key].reply[:3] for key in alone]
    assert sum(starts) >= 7


def test_the_draw_of_one_prompt_does_not_depend_on_its_neighbours(tiny: Path, questions: Questions) -> None:
    requests = questions(6)
    together, _, _ = answer(tiny, requests, temperature=0.8, slots=1)
    alone, _, _ = answer(tiny, requests[4:5], temperature=0.8, slots=1)
    assert alone["4"].reply == together["4"].reply


def test_the_system_prompt_reaches_the_model(tiny: Path, questions: Questions) -> None:
    requests = questions(6)
    without, _, _ = answer(tiny, requests)
    with_one, outcome, _ = answer(tiny, requests, system="press hard on the wound")
    assert outcome.status == "ok"
    assert texts(without) != texts(with_one)


def test_more_slots_than_requests_and_many_more_requests_than_slots(tiny: Path, questions: Questions) -> None:
    few, outcome, _ = answer(tiny, questions(2), slots=200, max_tokens=4)
    assert (len(few), outcome.status) == (2, "ok")
    many, outcome, _ = answer(tiny, questions(150), slots=3, max_tokens=4)
    assert (len(many), outcome.status) == (150, "ok")


def test_long_prompts_are_decoded_in_parts(tiny: Path, questions: Questions) -> None:
    """Together far longer than one batch, and one of them longer than a batch by itself."""
    long = questions(1)[0].model_copy(update={"key": "long", "prompt": "keep cool running water " * 30})
    requests = [long, *questions(12)]
    replies, outcome, _ = answer(tiny, requests, slots=8, max_tokens=8, context=1024)
    assert outcome.status == "ok"
    assert len(replies) == 13
    alone, _, _ = answer(tiny, [long], slots=1, max_tokens=8, context=1024)
    assert alone["long"].tokens == replies["long"].tokens


def test_a_reply_is_cut_where_the_context_ends(tiny: Path, questions: Questions) -> None:
    replies, outcome, _ = answer(tiny, questions(8), max_tokens=500, context=160)
    assert outcome.status == "ok"
    cut = [reply for reply in replies.values() if reply.finish_reason == "length"]
    assert cut
    assert all(reply.tokens < 160 for reply in cut)


def test_a_prompt_that_does_not_fit_is_named_before_any_work(tiny: Path, questions: Questions) -> None:
    requests = questions(3)
    requests[1] = requests[1].model_copy(update={"prompt": "water " * 300})
    replies, outcome, speed = answer(tiny, requests, context=128)
    assert (replies, outcome.status, speed.tokens) == ({}, "not_loaded", 0)
    assert outcome.cause is not None
    assert "'q-1'" in outcome.cause
    assert "context of 128" in outcome.cause


def test_characters_split_over_tokens_come_out_whole(tiny: Path) -> None:
    from quant_triage.harness.engines._llama import Log, Model  # noqa: PLC0415

    model = Model(tiny, gpu_layers=0, use_extra_bufts=False, log=Log())
    tokens = model.tokenize("é☃漢")
    assert len(tokens) > 4  # beginning of text, and the snowman alone is three bytes
    assert model.text(tokens[1:]) == "é☃漢"
    assert model.text(tokens[1:-1]).endswith("\N{REPLACEMENT CHARACTER}")


def test_progress_is_told_while_it_runs(tiny: Path, questions: Questions) -> None:
    seen: list[Progress] = []
    source = GgufSource(tiny, Sampling(max_tokens=48, slots=2), Hardware(threads=1))
    source.generate(questions(12), lambda _reply: None, seen.append)
    assert [progress.replies for progress in seen] == sorted(progress.replies for progress in seen)
    assert seen[-1].replies == 12
    assert len({progress.tokens for progress in seen}) > 2


def test_nothing_to_ask_starts_no_process(tiny: Path) -> None:
    assert answer(tiny, []) == ({}, Outcome(status="ok"), Speed())


def test_a_model_without_a_chat_template_is_refused_before_any_work(
    tmp_path: Path, build_model: Callable[..., Path]
) -> None:
    path = build_model(tmp_path / "bare.gguf", template=None)
    with pytest.raises(FileFormatError, match=r"bare\.gguf: carries no chat template .* convert it"):
        GgufSource(path, Sampling(), Hardware())


def test_a_malformed_chat_template_is_refused_before_any_work(
    tmp_path: Path, build_model: Callable[..., Path]
) -> None:
    path = build_model(tmp_path / "odd.gguf", template="{% for m in messages %}never ended")
    with pytest.raises(FileFormatError, match=r"odd\.gguf: .*not valid Jinja"):
        GgufSource(path, Sampling(), Hardware())


@pytest.mark.parametrize(
    ("template", "cause"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{{ messages.append(1) }}", "failed"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "failed"),
        ("{% if false %}x{% endif %}", "failed|renders to nothing|no room"),
    ],
)
def test_a_template_that_misbehaves_is_that_models_outcome(
    tmp_path: Path, build_model: Callable[..., Path], questions: Questions, template: str, cause: str
) -> None:
    path = build_model(tmp_path / "m.gguf", template=template)
    replies, outcome, _ = answer(path, questions(2), max_tokens=4)
    if "false" in template:  # only the beginning of text is left, which is a prompt after all
        assert len(replies) == 2
        return
    assert (replies, outcome.status) == ({}, "not_loaded")
    assert outcome.cause is not None
    assert cause in outcome.cause
