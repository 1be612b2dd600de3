"""One contract for all that answers: files, endpoints, checkpoints, recordings, others' engines."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from quant_triage.data import BASE_DIR, UsageError
from quant_triage.harness._records import Hardware, ModelCard, Outcome, Reply, Request, Sampling, Speed
from quant_triage.harness.engines import EnoughError, Progress, Source, open_sources
from quant_triage.harness.engines import _sources as sources_module

from .chat_server import serving

Questions = Callable[..., list[Request]]

SAMPLING = Sampling(max_tokens=12, slots=4, temperature=1.0)
PROMPTS = [f"what should I do {number}" for number in range(6)]

TORCH = pytest.mark.slow

ADAPTER = """
import sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
torch.manual_seed(1)
lora = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
lora.save_pretrained(sys.argv[2])
"""


class EchoSource:
    """An engine of somebody else's, as small as the protocol allows."""

    memory = 0
    build = "echo 1"
    card = ModelCard(name="echo", level="F16", sha256="e" * 64)

    def key(self, prompt: str, sample: int) -> str:
        return f"{prompt}/{sample}"

    def asked(self) -> None:
        return

    def generate(
        self,
        requests: Sequence[Request],
        on_reply: Callable[[Reply], None],
        on_progress: Callable[[Progress], None],
    ) -> tuple[Outcome, Speed]:
        with contextlib.suppress(EnoughError):
            for count, request in enumerate(requests, start=1):
                on_reply(
                    Reply(
                        model=self.card.sha256,
                        reply=f"{request.prompt}, you ask ({request.sample})",
                        finish_reason="stop",
                        tokens=4,
                        seconds=0.0,
                        **request.model_dump(),
                    )
                )
                on_progress(Progress(replies=count))
        return Outcome(status="ok"), Speed(tokens=4 * len(requests), seconds=0.1)


def open_echo(spec: str, _sampling: Sampling, _hardware: Hardware) -> list[EchoSource] | None:
    return [EchoSource()] if spec.startswith("echo:") else None


def open_broken(_spec: str, _sampling: Sampling, _hardware: Hardware) -> None:
    raise RuntimeError("not today")


def plug(monkeypatch: pytest.MonkeyPatch, **openers: Callable[..., object]) -> None:
    """Register engines as an installed distribution would."""

    class Loaded(EntryPoint):
        def load(self) -> Callable[..., object]:
            return openers[self.name]

    points = EntryPoints(Loaded(name, f"{__name__}:{name}", sources_module.ENTRY_POINTS) for name in openers)
    monkeypatch.setattr(sources_module, "entry_points", lambda group: points.select(group=group))


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    subprocess.run([sys.executable, "-c", ADAPTER, str(BASE_DIR), str(folder)], check=True)
    return folder


@pytest.fixture(
    params=[
        "gguf",
        "recorded",
        "endpoint",
        "plugin",
        pytest.param("checkpoint", marks=TORCH),
        pytest.param("adapter", marks=TORCH),
    ]
)
def reopen(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Source]]:
    """A function that opens the source anew."""
    spec: str | Path
    with serving() as server:
        if request.param == "gguf":
            spec = request.getfixturevalue("tiny")
        elif request.param == "recorded":
            spec = tmp_path / "r.jsonl"
            lines = [
                {
                    "level": "Q4_0",
                    "prompt": prompt,
                    "sample": sample,
                    "reply": f"{prompt}: keep calm {sample}",
                }
                for prompt in PROMPTS
                for sample in range(2)
            ]
            spec.write_text("".join(json.dumps(line) + "\n" for line in lines))
        elif request.param == "endpoint":
            spec = server.url
        elif request.param == "plugin":
            plug(monkeypatch, echo=open_echo)
            spec = "echo:"
        else:
            spec = BASE_DIR if request.param == "checkpoint" else request.getfixturevalue("adapter")

        def opened() -> Source:
            (source,) = open_sources(spec, SAMPLING, Hardware(threads=1))
            return source

        yield opened


def requests_for(source: Source, samples: int = 2) -> list[Request]:
    return [
        Request(
            key=source.key(prompt, sample),
            prompt_id=f"q-{number}",
            scenario="shock",
            sample=sample,
            prompt=prompt,
        )
        for sample in range(samples)
        for number, prompt in enumerate(PROMPTS)
    ]


def test_the_contract(reopen: Callable[[], Source]) -> None:
    source = reopen()
    requests = requests_for(source)
    keys = {request.key for request in requests}
    assert len(keys) == len(requests)
    assert len(source.card.sha256) == 64

    replies: dict[str, Reply] = {}
    seen: list[int] = []

    def keep(reply: Reply) -> None:
        assert reply.key not in replies
        replies[reply.key] = reply

    outcome, speed = source.generate(requests, keep, lambda progress: seen.append(progress.replies))
    assert outcome == Outcome(status="ok")
    assert set(replies) == keys
    for request in requests:
        reply = replies[request.key]
        assert reply.model == source.card.sha256
        assert (
            Request.model_validate({name: getattr(reply, name) for name in Request.model_fields}) == request
        )
        assert reply.tokens <= SAMPLING.max_tokens
    assert seen == sorted(seen)
    assert seen[-1] == len(requests)
    assert speed.tokens == sum(reply.tokens for reply in replies.values())

    again = reopen()
    assert (again.card, again.build) == (source.card, source.build)
    assert {request.key for request in requests_for(again)} == keys
    repeated: dict[str, Reply] = {}
    again.generate(requests, lambda reply: repeated.update({reply.key: reply}), lambda _progress: None)
    assert {key: reply.reply for key, reply in repeated.items()} == {
        key: reply.reply for key, reply in replies.items()
    }

    assert source.generate([], keep, lambda _progress: None)[0] == Outcome(status="ok")

    few: list[Reply] = []

    def enough(reply: Reply) -> None:
        few.append(reply)
        if len(few) == 2:
            raise EnoughError

    assert source.generate(requests, enough, lambda _progress: None)[0] == Outcome(status="ok")
    assert len(few) == 2

    def full(_reply: Reply) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        source.generate(requests, full, lambda _progress: None)


@pytest.mark.parametrize("kind", ["tiny", pytest.param("adapter", marks=TORCH)])
def test_a_lone_reply_is_told_as_it_comes(kind: str, request: pytest.FixtureRequest) -> None:
    (source,) = open_sources(request.getfixturevalue(kind), Sampling(max_tokens=40), Hardware(threads=1))
    replies: list[Reply] = []
    before: list[str] = []
    after: list[str] = []

    def hear(progress: Progress) -> None:
        (after if replies else before).append(progress.said)

    asked = requests_for(source, samples=1)
    outcome, _ = source.generate(asked[:1], replies.append, hear)
    assert outcome == Outcome(status="ok")
    assert "".join(before) == replies[0].reply
    assert sum(bool(piece) for piece in before) > 2, "it came in one piece"
    assert not any(after)

    replies.clear()
    before.clear()
    source.generate(asked[:2], replies.append, hear)
    assert len(replies) == 2
    assert not any(before + after), "nobody can read two replies at once"


@pytest.mark.slow
def test_an_adapter_is_another_model_than_its_base(adapter: Path, tmp_path: Path) -> None:
    (base,) = open_sources(BASE_DIR, SAMPLING, Hardware())
    (tuned,) = open_sources(adapter, SAMPLING, Hardware())
    assert base.card.reference
    assert base.card.level == tuned.card.level == "BF16"
    assert base.card.sha256 != tuned.card.sha256
    moved = tmp_path / "adapter"
    shutil.copytree(adapter, moved)
    config = json.loads((moved / "adapter_config.json").read_text())
    (moved / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "org/far"}))
    with pytest.raises(UsageError, match="adapter for 'org/far', which is no folder here"):
        open_sources(moved, SAMPLING, Hardware())


@pytest.mark.slow
def test_a_checkpoint_says_what_transformers_itself_says() -> None:
    """Greedy, left-padded in one batch, against ``generate`` prompt by prompt."""
    script = f"""
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
from pathlib import Path
base = {str(BASE_DIR)!r}
model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
for prompt in json.loads(sys.argv[1]):
    ids = tokenizer.apply_chat_template([{{"role": "user", "content": prompt}}], add_generation_prompt=True,
                                        return_tensors="pt", return_dict=True)
    made = model.generate(**ids, max_new_tokens=40, do_sample=False)[0, ids["input_ids"].shape[1]:]
    print(json.dumps(tokenizer.decode(made, skip_special_tokens=True)))
"""
    # None is near a tie: padding moves a bf16 logit by a last place (0.06), these margins are 0.15 at least.
    asked = [
        "My friend is bleeding heavily, what do I do?",
        "He was stung by a bee",
        "He has a nosebleed",
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(asked)], capture_output=True, text=True, check=True
    )
    expected = [json.loads(line) for line in done.stdout.splitlines()]
    (source,) = open_sources(BASE_DIR, Sampling(max_tokens=40, slots=4), Hardware())
    requests = [
        Request(key=prompt, prompt_id=prompt, scenario="shock", sample=0, prompt=prompt) for prompt in asked
    ]
    replies: dict[str, str] = {}
    source.generate(requests, lambda reply: replies.update({reply.key: reply.reply}), lambda _progress: None)
    assert [replies[prompt] for prompt in asked] == expected


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"config.json": "{half"}, r"config\.json: is not valid JSON"),
        ({"config.json": "[]"}, "holds no object"),
        ({"config.json": "{}"}, "holds no weights"),
        ({"config.json": "{}", "model.safetensors": "x"}, "carries no chat template"),
        (
            {"config.json": "{}", "model.safetensors": "x", "chat_template.jinja": "{% for"},
            "not valid Jinja",
        ),
    ],
)
def test_a_malformed_checkpoint_is_named_before_any_work(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=says):
        open_sources(tmp_path, SAMPLING, Hardware())


@pytest.mark.slow
def test_weights_that_do_not_load_are_an_outcome(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(BASE_DIR, folder)
    (folder / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    (source,) = open_sources(folder, SAMPLING, Hardware())
    outcome, _ = source.generate(requests_for(source), lambda _reply: None, lambda _progress: None)
    assert outcome.status == "not_loaded"
    assert "tensors are missing, such as '" in str(outcome.cause)


def test_without_torch_a_checkpoint_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(
        UsageError, match=r"needs torch and transformers: pip install 'quant-triage\[train\]'"
    ):
        open_sources(BASE_DIR, SAMPLING, Hardware())


def test_a_plugin_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, broken=open_broken)
    with pytest.raises(UsageError, match="engine 'broken' failed on 'any:thing': not today"):
        open_sources("any:thing", SAMPLING, Hardware())


def test_a_spec_that_nobody_takes_names_those_that_were_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, echo=open_echo)
    with pytest.raises(UsageError, match=r"'any:thing' is no GGUF.* nor for the engines echo"):
        open_sources("any:thing", SAMPLING, Hardware())
