import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from quant_triage.data import FileFormatError, UsageError, usable_cores
from quant_triage.harness._records import Hardware, ModelCard, Reply, Request, Sampling
from quant_triage.harness.engines import Source, nominal_bits, open_sources, reply_key

Questions = Callable[..., list[Request]]


def sources(spec: str | Path) -> list[Source]:
    return open_sources(spec, Sampling(max_tokens=8, slots=2), Hardware(threads=1))


def recorded(path: Path, *lines: Mapping[str, object]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def ask(source: Source, requests: list[Request]) -> dict[str, Reply]:
    replies: list[Reply] = []
    outcome, _ = source.generate(requests, replies.append, lambda _progress: None)
    assert outcome.status == "ok"
    return {reply.key: reply for reply in replies}


def test_a_folder_gives_the_reference_first_then_levels_from_large_to_small(models: Path) -> None:
    cards = [source.card for source in sources(models)]
    assert [(card.level, card.reference) for card in cards] == [
        ("F16", True),
        ("Q4_K_M", False),
        ("Q2_K", False),
    ]


def test_a_copy_in_a_folder_is_left_out(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "a.gguf")
    shutil.copy(tiny, tmp_path / "b.gguf")
    assert [source.card.name for source in sources(tmp_path)] == ["a"]


def test_recorded_levels_become_models(tmp_path: Path) -> None:
    path = recorded(
        tmp_path / "gemma.jsonl",
        {"level": "Q2_K", "prompt": "p1", "reply": "a", "scenario": "shock", "prompt_id": "shock-01"},
        {"level": "Q4_K_M", "prompt": "p1", "reply": "b"},
        {"level": "F16", "prompt": "p1", "reply": "c"},
        {"level": "Q2_K", "prompt": "p2", "reply": "d"},
        {"level": "Q2_K", "prompt": "p1", "reply": "e"},
    )
    reference, large, small = sources(path)
    assert [source.card.name for source in (reference, large, small)] == [
        "gemma-F16",
        "gemma-Q4_K_M",
        "gemma-Q2_K",
    ]
    assert reference.card.reference
    assert small.card.bytes is None
    asked = list(small.asked() or ())
    assert [(one.prompt, one.sample, one.prompt_id) for one in asked] == [
        ("p1", 0, "shock-01"),
        ("p2", 0, None),
        ("p1", 1, None),
    ]
    requests = [
        Request(
            key=small.key(one.prompt, one.sample),
            prompt_id="x",
            scenario="shock",
            sample=one.sample,
            prompt=one.prompt,
        )
        for one in asked
    ]
    assert [reply.reply for reply in ask(small, requests).values()] == ["a", "d", "e"]


def test_an_edited_reply_is_a_new_model_and_another_levels_edit_is_not(tmp_path: Path) -> None:
    lines = [{"level": level, "prompt": "p", "reply": "yes"} for level in ("Q4_0", "Q8_0")]
    before = {
        source.card.level: source.card.sha256 for source in sources(recorded(tmp_path / "a.jsonl", *lines))
    }
    lines[0]["reply"] = "no"
    after = {
        source.card.level: source.card.sha256 for source in sources(recorded(tmp_path / "a.jsonl", *lines))
    }
    assert before["Q4_0"] != after["Q4_0"]
    assert before["Q8_0"] == after["Q8_0"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no replies"),
        (b"\n\n", "holds no replies"),
        (b'{"level": "Q4_0", "prompt": "p"}\n', r"r\.jsonl:1: field 'reply': is missing"),
        (b'\n{"level": "Q4_0", "prompt": "p", "reply": "r", "extra": 1}\n', r":2: field 'extra'"),
        (b'{"level": "Q4_0", "prompt": "p", "reply": "r"}\n{half\n', r":2: is not valid JSON"),
        (b'{"level": "Q4_0", "prompt": "\xff", "reply": "r"}\n', ":1: is not UTF-8"),
        (
            b'{"level": "Q4_0", "prompt": "p", "reply": "r", "sample": 1}\n' * 2,
            ":2: Q4_0 answers .* second time",
        ),
    ],
)
def test_malformed_recordings_name_line_and_field(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        sources(path)


def test_a_question_that_was_not_recorded_is_named(tmp_path: Path, questions: Questions) -> None:
    (source,) = sources(recorded(tmp_path / "r.jsonl", {"level": "Q4_0", "prompt": "p", "reply": "r"}))
    with pytest.raises(UsageError, match="no reply of Q4_0 to 'q-0'"):
        ask(source, questions(1))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("absent.gguf", "absent"),
        ("absent.jsonl", "absent"),
        ("empty", "holds no .gguf"),
        ("checkpoint", "holds no weights"),
    ],
)
def test_what_cannot_be_asked_is_named(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=says):
        sources(tmp_path / name)


def test_one_bad_file_in_a_folder_is_named_before_any_model_is_loaded(models: Path, tmp_path: Path) -> None:
    shutil.copy(models / "tiny-Q2_K.gguf", tmp_path / "good.gguf")
    (tmp_path / "cut.gguf").write_bytes((models / "tiny-Q2_K.gguf").read_bytes()[:5000])
    with pytest.raises(FileFormatError, match=r"cut\.gguf"):
        sources(tmp_path)


CARD = ModelCard(name="m", level="Q4_0", sha256="a" * 64, template_sha256="b" * 64)


def test_a_key_knows_everything_that_decides_a_reply_and_no_name() -> None:
    sampling = Sampling()
    key = reply_key(CARD, sampling, "build", prompt="p", sample=0)
    changed = [
        reply_key(CARD.model_copy(update={"sha256": "c" * 64}), sampling, "build", prompt="p", sample=0),
        reply_key(CARD.model_copy(update={"template_sha256": "c"}), sampling, "build", prompt="p", sample=0),
        reply_key(CARD, sampling, "other build", prompt="p", sample=0),
        reply_key(CARD, sampling, "build", prompt="q", sample=0),
        reply_key(CARD, sampling, "build", prompt="p", sample=1),
        *(
            reply_key(CARD, sampling.model_copy(update=change), "build", prompt="p", sample=0)
            for change in (
                {"temperature": 1.0}, {"top_k": 1}, {"top_p": 0.5}, {"seed": 1}, {"max_tokens": 8},
                {"slots": 1}, {"context": 512}, {"system": "s"}, {"system": ""},
            )
        ),
    ]  # fmt: skip
    assert len({key, *changed}) == len(changed) + 1
    renamed = CARD.model_copy(update={"name": "other", "level": "Q4_0 again"})
    assert reply_key(renamed, sampling, "build", prompt="p", sample=0) == key


def test_levels_are_ordered_by_size_even_without_a_file() -> None:
    ladder = ["F16", "Q8_0", "Q4_K_M", "Q4_K_S", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K", "IQ1_S"]
    assert sorted(ladder, key=nominal_bits, reverse=True) == ladder


def test_threads_default_to_cores_that_may_be_used() -> None:
    assert 1 <= usable_cores() <= 4096


def test_two_recorded_levels_that_say_the_same_are_two_models(tmp_path: Path) -> None:
    path = tmp_path / "recorded.jsonl"
    line = '{"level": "%s", "prompt": "My nose bleeds.", "reply": "Lean forward.", "scenario": "nosebleed"}\n'
    path.write_text(line % "Q4_K_M" + line % "Q2_K")
    cards = [source.card for source in open_sources(path, Sampling(), Hardware())]
    assert [card.level for card in cards] == ["Q4_K_M", "Q2_K"]
    assert cards[0].sha256 != cards[1].sha256
