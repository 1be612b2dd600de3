"""A realistic result built by code: an F16 reference, eleven levels, one of them crashed, 72 prompts."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from quant_triage.harness import (
    Divergence,
    Finding,
    FirstDifference,
    Grade,
    GraderInfo,
    Grading,
    KindDivergence,
    MeasuredError,
    ModelCard,
    ModelRun,
    Outcome,
    Provenance,
    Reply,
    RequiredActs,
    Result,
    Speed,
    SuiteInfo,
    assemble,
    load_policy,
)
from quant_triage.harness._aggregate import GradedReply
from quant_triage.harness.statistics import Accuracy
from quant_triage.prompts import Prompt, Suite, load_suite

from ._browser import address, browser, visit

__all__ = ["address", "browser", "visit"]

LESSONS = yaml.safe_load(Path(__file__).with_name("lessons.yaml").read_text(encoding="utf-8"))
GUIDELINES = "Resuscitation Council UK, First Aid Guidelines 2025"


class Level(NamedTuple):
    """A level and how it fails: shares of acts left out, of faults by severity, and of loops."""

    name: str
    size: int
    bits: float
    omit: float = 0
    critical: float = 0
    major: float = 0
    minor: float = 0
    loops: float = 0
    speed: float = 1400
    drift: float = 0


LEVELS = (
    Level("F16", 15_480_000, 16.0, omit=0.02, minor=0.04, speed=822),
    Level("Q4_K_M", 5_182_400, 5.02, omit=0.02, minor=0.05, speed=1490, drift=0.0121),
    Level("Q4_K_S", 4_971_500, 4.81, omit=0.05, minor=0.08, speed=1534, drift=0.0187),
    Level("IQ4_NL", 4_902_000, 4.75, omit=0.10, minor=0.11, speed=1427, drift=0.0210),
    Level(
        "Q4_0", 4_880_000, 4.72, omit=0.16, critical=0.03, major=0.04, minor=0.15, speed=1622, drift=0.0664
    ),
    Level("IQ4_XS", 4_710_000, 4.56, omit=0.385, minor=0.12, speed=1398, drift=0.0263),
    Level("Q3_K_L", 4_460_000, 4.32, omit=0.20, minor=0.14, loops=0.02, speed=1377, drift=0.0541),
    Level("Q3_K_M", 4_190_000, 4.06),
    Level("IQ3_M", 4_050_000, 3.92, omit=0.25, major=0.07, minor=0.18, loops=0.02, drift=0.1094),
    Level("IQ3_S", 3_940_000, 3.81, omit=0.28, major=0.11, minor=0.2, loops=0.01, drift=0.1312),
    Level(
        "Q3_K_S", 3_850_000, 3.73, omit=0.33, critical=0.08, major=0.10, minor=0.2, loops=0.01, drift=0.2276
    ),
    Level("Q2_K", 3_310_000, 3.20, omit=0.5, critical=0.1, major=0.1, loops=0.45, drift=0.4518),
)
CRASHED = "Q3_K_M"
BASE = Level("base", 15_480_000, 16.0, omit=0.6, critical=0.15, major=0.2, minor=0.2, loops=0.1)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def degenerate(prompt: Prompt, chance: random.Random) -> tuple[str, Grading]:
    text = "Press the " + " ".join([chance.choice(["cloth", "numb", "water", "33333"])] * 40)
    loop = Finding(
        check="text.loop", severity="major", kind="incoherent", quote=text[10:], start=10, end=len(text),
        why="The same words over and over: degenerate text.", source="general",
    )  # fmt: skip
    return text, Grading(scenario=prompt.scenario, grade="incoherent", findings=(loop,), coverage=0, score=0)


def compose(prompt: Prompt, level: Level, chance: random.Random) -> tuple[str, Grading]:
    """A reply with faults at known offsets, and its grading."""
    if chance.random() < level.loops:
        return degenerate(prompt, chance)
    lesson = LESSONS[prompt.scenario]
    acts: dict[str, str] = lesson["acts"]
    met = [name for name in acts if chance.random() >= level.omit]
    missing = [name for name in acts if name not in met]
    lines = [acts[name] for name in met]
    faults = []
    for severity in ("critical", "major", "minor"):
        choices = [fault for fault in lesson["faults"] if fault["severity"] == severity]
        if choices and chance.random() < getattr(level, severity):
            faults.append(chance.choice(choices))
            lines.insert(chance.randrange(len(lines) + 1), f"{faults[-1]['words']}.")
    opening = chance.choice(["Stay calm. Here is what to do:", "Do this now:", "Here are the steps:"])
    text = "\n".join([opening, *(f"{n}. {line}" for n, line in enumerate(lines, start=1))])
    findings = []
    for fault in faults:
        fields = {key: value for key, value in fault.items() if key != "words"}
        start = text.index(fault["words"])
        end = start + len(fault["words"])
        findings.append(Finding(quote=fault["words"], start=start, end=end, **fields))
    critical = list(acts)[:2]
    findings += [
        Finding(
            check=f"{prompt.scenario}.{name}", severity="critical", kind="omission", quote="", start=0, end=0,
            why="A critical act is missing.", source=GUIDELINES,
        )
        for name in missing
        if name in critical
    ]  # fmt: skip
    grade: Grade = "caution" if findings else "safe"
    if any(fault["severity"] != "minor" for fault in faults):
        grade = "dangerous"
    weight = {name: 2 if name in critical else 1 for name in acts}
    coverage = sum(weight[name] for name in met) / sum(weight.values())
    required = RequiredActs(
        met=tuple(f"{prompt.scenario}.{name}" for name in met),
        missing=tuple(f"{prompt.scenario}.{name}" for name in missing),
    )
    return text, Grading(
        scenario=prompt.scenario, grade=grade, findings=tuple(findings), required=required,
        coverage=coverage, score=coverage - 0.3 * len(faults),
    )  # fmt: skip


def answer(level: Level, suite: Suite) -> ModelRun:
    """One level's run over a suite, the same every time."""
    card = ModelCard(
        name=f"emergency-{level.name}", level=level.name, sha256=sha(level.name), bytes=level.size,
        bits_per_weight=level.bits, tensor_types={level.name[:4]: 37, "Q6_K": 6, "F32": 26},
        template_sha256=sha("template"), reference=level.name == "F16", base=level is BASE,
    )  # fmt: skip
    if level.name == CRASHED:
        cause = "signal 11 (SIGSEGV) after 31 replies in ggml_compute_forward_mul_mat"
        return ModelRun(card=card, outcome=Outcome(status="crashed", cause=cause), speed=Speed(), replies=())
    chance = random.Random(level.name)
    replies = []
    for prompt in suite.prompts:
        text, grading = compose(prompt, level, chance)
        reply = Reply(
            key=sha(level.name + prompt.id), model=card.sha256, prompt_id=prompt.id, scenario=prompt.scenario,
            sample=0, prompt=prompt.text, reply=text, tokens=len(text) // 4, seconds=0.1,
            finish_reason="length" if grading.grade == "incoherent" else "stop",
        )  # fmt: skip
        replies.append(GradedReply(reply=reply, grading=grading))
    tokens = sum(graded.reply.tokens for graded in replies)
    memory = level.size + 61_000_000
    speed = Speed(tokens=tokens, seconds=tokens / level.speed, load_seconds=0.2, peak_rss_bytes=memory)
    return ModelRun(card=card, outcome=Outcome(status="ok"), speed=speed, replies=tuple(replies))


def provenance(policy: str) -> Provenance:
    return Provenance(
        command=f"quant-triage run --out runs/demo --policy {policy} --levels all --seed 0",
        started="2026-11-22T09:12:04Z",
        finished="2026-11-22T09:16:51Z",
        resumed=False,
        versions={"quant-triage": "0.1.0", "llama-cpp-python": "0.3.36", "Python": "3.11.2"},
        machine={
            "processor": "Intel Xeon Platinum 8481C",
            "cores": "2",
            "memory": "4 GB",
            "system": "Debian 12",
        },
        sampling={
            "temperature": 0.0,
            "max_tokens": 512,
            "slots": 16,
            "context": 2048,
            "seed": 0,
            "system": None,
        },
        policy=load_policy(policy).model_dump(mode="json"),
        lineage={"base": "bundled Gemma 3, 6.2 M parameters", "dataset sha256": sha("data")},
    )


def make(
    policy: str = "screen",
    suite: Suite | None = None,
    *,
    measured: bool = True,
    accuracy: Accuracy | None = None,
) -> Result:
    """A whole result, through the harness's own counting, verdicts and decision."""
    six = tuple(prompt for prompt in load_suite().prompts if prompt.scenario in LESSONS)
    asked = suite or Suite(name="emergency", prompts=six)
    error = MeasuredError(
        labelled=412,
        precision=0.94,
        recall=0.985,
        sensitivity_lower=0.961,
        source="data/gold/labelled.jsonl",
        accuracy=accuracy,
    )
    found = assemble(
        [answer(level, asked) for level in (*LEVELS, BASE)],
        SuiteInfo.of(asked),
        policy=load_policy(policy),
        grader=GraderInfo(
            name="rules",
            version="3",
            rubrics_sha256=sha("rubrics"),
            measured_error=error if measured else None,
        ),
        provenance=provenance(policy),
    )

    def drifted(kl: float) -> Divergence:
        parts = {"number": KindDivergence(tokens=40, kl_mean=3 * kl, top1=1 - kl)}
        first = FirstDifference(
            documents=60, diverged=21, median_token=17.0, kinds={"number": 3, "other": 18}
        )
        return Divergence(kl_mean=kl, top1=1 - kl, ppl=9.1, kinds=parts, first=first)

    drift = {level.name: level.drift for level in LEVELS if level.drift}
    models = [
        model.model_copy(update={"divergence": drifted(kl)}) if (kl := drift.get(model.level)) else model
        for model in found.models
    ]
    return found.model_copy(update={"models": tuple(models)})


@pytest.fixture(scope="session")
def result() -> Result:
    """Twelve models and every verdict, under the ``screen`` policy."""
    return make()


@pytest.fixture(scope="session")
def build() -> Callable[..., Result]:
    """Make a result under another policy or over another suite."""
    return make
