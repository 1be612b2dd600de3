"""The generated corpus, the fine-tuning rows and the tokenizer that are made from the knowledge files."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from quant_triage.data import BASE_DIR, EMERGENCY_DATASET, FileFormatError
from quant_triage.prompts import load_suite
from quant_triage.training import Row, lint_dataset
from quant_triage.training._corpus import SHARDS, documents
from quant_triage.training._doubt import fit, matrix
from quant_triage.training._grammar import invented, plain_questions
from quant_triage.training._knowledge import doubtful, load_scenario, load_scenarios, split, unsure
from quant_triage.training._rows import build_dataset
from quant_triage.training._tokenizer import Encoder

SAMPLE = [document for shard in range(4) for document in documents(1, shard, 1500)]


def text_of(document: object) -> str:
    turns = getattr(document, "turns", ())
    return "\n".join([*(part for turn in turns for part in turn), getattr(document, "text", "")])


def test_the_corpus_depends_on_seed_and_shard_only() -> None:
    def digest(seed: int, shard: int) -> str:
        return hashlib.sha256(repr(list(documents(seed, shard, 300))).encode()).hexdigest()

    assert digest(1, 0) == digest(1, 0)
    assert len({digest(1, 0), digest(2, 0), digest(1, 1)}) == 3
    assert SHARDS == 16  # another number is another corpus


def test_every_scenario_and_form_occurs_and_nothing_is_empty() -> None:
    assert {document.scenario for document in SAMPLE} - {None} == {s.id for s in load_scenarios()}
    assert len({document.kind for document in SAMPLE}) == 11
    for document in SAMPLE:
        parts = [part for turn in document.turns for part in turn] or [document.text]
        assert all(part.strip() for part in parts)
        assert "{" not in text_of(document)


def test_reserved_texts_never_reach_pretraining() -> None:
    seen = "\n".join(text_of(document).lower() for document in SAMPLE)
    for scenario in load_scenarios():
        parts = split(scenario)
        for shares in (parts.situations, parts.messages):
            kept = {*shares.finetune, *shares.held_out}
            assert kept.isdisjoint(shares.pretrain)
            assert set(shares.finetune).isdisjoint(shares.held_out)
            trained = "\n".join(shares.pretrain).lower()  # a short text may stand inside a longer one
            kept = {text for text in kept if len(text) > 25 and text.lower() not in trained}
            assert not [text for text in kept if text.lower() in seen]
        questions = [plain_questions(scenario.id, reserved=flag) for flag in (True, False)]
        assert set(questions[0]).isdisjoint(questions[1])


def test_a_message_that_tells_nothing_gets_no_guess() -> None:
    unclear = [document for document in SAMPLE if document.kind == "unclear"]
    assert len(unclear) > 50
    for document in unclear:
        reply = document.turns[0][1]
        steps = [step for scenario in load_scenarios() for step in scenario.steps]
        assert not [step.id for step in steps if any(say in reply for say in step.say)], reply


def test_a_doubtful_message_is_only_answered_as_unclear() -> None:
    written = {message for scenario in load_scenarios() for message in scenario.messages}
    assert doubtful() <= written
    for scenario in load_scenarios():
        assert doubtful().isdisjoint(split(scenario).messages.pretrain)
        assert doubtful() >= set(split(scenario).doubtful)
    asked = {
        part.lower() for document in SAMPLE if document.kind != "unclear" for part in sum(document.turns, ())
    }
    assert not [message for message in doubtful() if message.lower() in asked]


def test_doubt_is_judged_by_what_stands_in_the_message() -> None:
    seen = [
        "smoke and flames on her arm",
        "flames burnt his hand",
        "blood runs from the nose",
        "the nose drips blood",
    ]
    x = matrix([*seen, "flames", "his nose"])
    weights = fit(x[:4], np.array([0, 0, 1, 1]), 2)
    assert (x[4:] @ weights).argmax(axis=1).tolist() == [0, 1]


def test_no_message_is_an_evaluation_prompt() -> None:
    prompts = [prompt.text for prompt in load_suite().prompts]
    for scenario in load_scenarios():
        rows = [
            Row(instruction=message, output=f"reply {i}", scenario=scenario.id, source="test")
            for i, message in enumerate(scenario.messages)
        ]
        problems = lint_dataset(rows, prompts, lambda *_: [])
        assert not [str(problem) for problem in problems if problem.kind == "overlap"]


def test_what_the_base_is_unsure_of_is_never_taught_as_known() -> None:
    rows = {row.instruction.lower(): row.output for row in build_dataset()}
    taught = [rows[message.lower()] for message in unsure() if message.lower() in rows]
    assert len(taught) > 50
    assert not [reply for reply in taught if not reply.startswith("I ")]


def test_a_wrong_act_is_named_only_to_forbid_it() -> None:
    """Every model turn that holds a forbidden act holds the words that forbid it, just before."""
    for document in SAMPLE:
        scenario = next((s for s in load_scenarios() if s.id == document.scenario), None)
        if scenario is None or document.kind == "fact":
            continue
        for reply in [turn[1] for turn in document.turns]:
            for avoid in scenario.avoid:
                for found in reply.split(avoid.act)[:-1]:
                    assert found.endswith(("Do not ", "Never ")), (avoid.act, reply)


def test_invented_situations_fill_every_slot() -> None:
    from random import Random  # noqa: PLC0415  # only this test draws by itself

    rng = Random(5)
    for scenario in load_scenarios():
        made = [invented(scenario.id, rng) for _ in range(200)]
        assert not [text for text in made if "{" in text or "}" in text or not text.strip()]
        assert len(set(made)) > 100


def test_the_committed_data_set_is_what_the_code_builds() -> None:
    rows = build_dataset()
    committed = [json.loads(line) for line in EMERGENCY_DATASET.read_text(encoding="utf-8").splitlines()]
    assert [row.model_dump(exclude_defaults=True) for row in rows] == committed
    assert len(rows) >= 600
    assert len({row.scenario for row in rows}) == 30
    assert all(value.strip() for row in committed for value in row.values())
    assert len({row.instruction.lower() for row in rows}) == len(rows)


@pytest.mark.parametrize("field", ["names", "situations", "steps", "call"])
def test_a_knowledge_file_without_a_field_is_refused(tmp_path: Path, field: str) -> None:
    source = Path(str(BASE_DIR)).parent.parent / "training" / "corpus" / "nosebleed.yaml"
    copy = tmp_path / "nosebleed.yaml"
    shutil.copytree(source.parent / "messages", tmp_path / "messages")
    copy.write_text(source.read_text(encoding="utf-8").replace(f"\n{field}:", "\nother:"), encoding="utf-8")
    with pytest.raises(FileFormatError, match=field):
        load_scenario(copy)


def test_the_fast_encoder_equals_the_bundled_tokenizer() -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(BASE_DIR))
    encoder = Encoder((BASE_DIR / "tokenizer.model").read_bytes())
    for document in SAMPLE[:300]:
        for asked, reply in document.turns[:1]:
            chat = [{"role": "user", "content": asked}, {"role": "assistant", "content": reply}]
            assert tokenizer.apply_chat_template(chat, tokenize=True)["input_ids"] == encoder.chat(
                [(asked, reply)]
            )
    for text in [
        "two\n\nlines\t and  spaces",
        "naïve 😀 “quoted” 1234",
        " leading",
        "TYPOS hepl mee!!",
        "a" * 300,
    ]:
        ids = tokenizer.encode(text)
        assert ids == encoder.text(text)[:-1]
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
