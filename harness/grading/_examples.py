"""What the models beside the rules learn from: the gold set's training part, the corpus, the rubrics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator

from quant_triage.data import GOLD_DIR, Record, Scenario, read_jsonl, read_yaml
from quant_triage.rubrics import Check, Rubrics

from ._words import VERBS

_BANS = ("Do not ", "Never ", "There is no need to ", "You should not ")
_FRAMES_EACH = 10  # of those that advise, and of those that forbid, around each act
SURE = 8.0  # the leaflets' sentences and the checks' examples rest on guidelines, one by one
IN_REPLY = 3.0  # a sentence of a reply is what the grader will meet; most single ones are made to be hard
BY_MACHINE = 1.8  # turned sentences are many; at 3 they cost hidden dangers that writers made up
TRAINING_PART = GOLD_DIR / "train.jsonl"
FRAMES = GOLD_DIR / "frames.yaml"


class TrainingRow(Record):
    """One labelled sentence or reply of ``data/gold/train.jsonl``; its README says how it was made.

    Attributes:
        label: ``dangerous`` or ``fine`` for a sentence, a grade for a reply.
        act: Which dangerous act a sentence advises, in a few words.
        quote: The offending words of a dangerous reply, verbatim.
        note: What a ``caution`` lacks.
        turned: What a correct sentence "lost", "gained" or had "swapped" by a machine to become this one.
    """

    id: str
    scenario: Scenario
    kind: Literal["sentence", "reply"]
    label: Literal["dangerous", "fine", "safe", "caution", "incoherent"]
    text: str
    prompt: str | None = None
    severity: Literal["critical", "major"] | None = None
    act: str | None = None
    quote: str | None = None
    note: str | None = None
    turned: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingRow":
        if self.quote is not None and self.quote not in self.text:
            raise ValueError(f"quote {self.quote!r} does not occur in the text")
        return self


class Example(NamedTuple):
    """A text to learn from.

    Attributes:
        dangerous: Whether some sentence of it advises danger.
        quote: Where, if that is known.
        checked: Whether features of the checks may be used: not where the checks were written to fit it.
        row: Index of the row of the training part, or -1.
        weight: How much each sentence counts.
        turned: Whether a machine made it of a correct text, see ``TrainingRow``.
    """

    scenario: Scenario
    text: str
    dangerous: bool
    quote: str | None = None
    checked: bool = True
    row: int = -1
    weight: float = 1.0
    turned: bool = False


def training_rows() -> list[TrainingRow]:
    """Read the training part of the gold set."""
    return list(read_jsonl(TRAINING_PART, TrainingRow))


def labelled(rows: list[TrainingRow]) -> Iterator[Example]:
    """Yield the coherent rows of the training part."""
    for number, row in enumerate(rows):
        if row.label != "incoherent":
            turned = row.turned is not None
            weight = BY_MACHINE if turned else IN_REPLY if row.kind == "reply" else 1.0
            bad = row.label == "dangerous"
            yield Example(row.scenario, row.text, bad, row.quote, row=number, weight=weight, turned=turned)


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Step(_Loose):
    say: tuple[str, ...]
    why: tuple[str, ...] = ()


class _Avoid(_Loose):
    act: str
    gerund: str
    why: tuple[str, ...] = ()


class _Leaflet(_Loose):
    """A scenario's file of the corpus that the bundled base learns from, as far as it is correct advice."""

    scenario: Scenario
    steps: tuple[_Step, ...]
    call: tuple[str, ...] = ()
    avoid: tuple[_Avoid, ...] = ()
    facts: tuple[str, ...] = ()


def _leaflets(corpus: Path) -> Iterator[_Leaflet]:
    for path in sorted(corpus.glob("[a-z]*.yaml")):
        yield read_yaml(path, _Leaflet)


class FrameParts(Record):
    """Turns of speech to learn from, and others that only tests see."""

    learn: tuple[str, ...]
    held: tuple[str, ...]


class Frames(Record):
    """Turns of speech that advise an act, and such that forbid it (``data/gold/frames.yaml``)."""

    advise: FrameParts
    forbid: FrameParts


def load_frames() -> Frames:
    """Read the turns of speech."""
    return read_yaml(FRAMES, Frames)


def framed(frame: str, act: str, doing: str) -> str:
    """Put an act into a frame: ``act`` as "put butter on it", ``doing`` as "putting butter on it"."""
    return frame.format(act=act, doing=doing, Act=_opened(act), Doing=_opened(doing))


def acts_in_frames(corpus: Path, rubrics: Rubrics) -> Iterator[Example]:
    """Yield acts in many turns of speech, advised and forbidden, each act in others.

    Dangerous acts are what the leaflets forbid, and the examples of dangerous checks that are one plain
    instruction; for the examples of required checks it is the ban that is dangerous.
    """
    frames = load_frames()
    for number, (scenario, act, doing, harmful) in enumerate(_acts(corpus, rubrics)):
        for part, dangerous in ((frames.advise, harmful), (frames.forbid, not harmful)):
            fitting = [frame for frame in part.learn if doing or "oing}" not in frame]
            for step in range(_FRAMES_EACH if doing else _FRAMES_EACH // 2):
                frame = fitting[(number * _FRAMES_EACH + step) % len(fitting)]
                yield Example(scenario, framed(frame, act, doing or act), dangerous)


def _acts(corpus: Path, rubrics: Rubrics) -> Iterator[tuple[Scenario, str, str, bool]]:
    """Yield scenario, act as "put butter on it", the same as "putting butter on it", and whether it harms."""
    for leaflet in _leaflets(corpus):
        for avoid in leaflet.avoid:
            yield leaflet.scenario, avoid.act, avoid.gerund, True
    for scenario in rubrics.scenarios:
        for check in rubrics.by_scenario[scenario].checks:
            harmful = check.kind == "dangerous"
            if check.severity == "minor" or not (harmful or _always_due(check)):
                continue
            for text in check.examples:
                if _bids(text) and not text.startswith("Do not"):
                    yield scenario, _within(text[:-1]), "", harmful


def correct_advice(corpus: Path) -> Iterator[Example]:
    """Yield each sentence of the leaflets, what they forbid as such, and as if it were advice."""
    for leaflet in _leaflets(corpus):
        fine = [*leaflet.call, *leaflet.facts]
        fine += [text for step in leaflet.steps for text in (*step.say, *step.why)]
        fine += [text for avoid in leaflet.avoid for text in (*avoid.why, f"Do not {avoid.act}.")]
        fine += [f"Never {avoid.act}." for avoid in leaflet.avoid]
        for text in dict.fromkeys(fine):
            yield Example(leaflet.scenario, text, dangerous=False, weight=SURE)
        for avoid in leaflet.avoid:
            yield Example(leaflet.scenario, f"{_opened(avoid.act)}.", dangerous=True)
            yield Example(leaflet.scenario, f"You should {avoid.act}.", dangerous=True)
        yield from _mixed(leaflet)


def _mixed(leaflet: _Leaflet) -> Iterator[Example]:
    """One sentence with a right act and a dangerous one, advised or forbidden: the right must not hide it."""
    bids = [text[:-1] for step in leaflet.steps for text in step.say if _bids(text)]
    for number, avoid in enumerate(leaflet.avoid):
        for bid in (bids[(number + shift) % len(bids)] for shift in range(0, len(bids), len(bids) // 3 + 1)):
            right, wrong = _within(bid), avoid.act
            for text in (f"{bid}, then {wrong}.", f"{_opened(wrong)} and {right}.", f"{bid} and {wrong}."):
                yield Example(leaflet.scenario, text, dangerous=True)
            for text in (f"{bid}, but do not {wrong}.", f"Never {wrong}, but {right}."):
                yield Example(leaflet.scenario, text, dangerous=False, weight=IN_REPLY)


def _bids(text: str) -> bool:
    """Whether a sentence is one plain instruction."""
    return _begins_with_verb(text) and text.endswith(".") and not set(text[:-1]) & set(".,:;?")


def _always_due(check: Check) -> bool:
    """Whether a required act is due in any case, and forbidding it is as bad as the act is important."""
    return check.kind == "required" and not check.conditional and check.forbidding is None


def _begins_with_verb(text: str) -> bool:
    return text.split(" ", 1)[0].lower() in VERBS


def _opened(act: str) -> str:
    """As it begins a sentence."""
    return f"{act[0].upper()}{act[1:]}"


def _within(text: str) -> str:
    """As it stands within a sentence."""
    return f"{text[0].lower()}{text[1:]}"


def examples_of_checks(rubrics: Rubrics) -> Iterator[Example]:
    """Yield the examples and look-alikes that the checks carry, and bans of what they require."""
    for scenario in rubrics.scenarios:
        for check in rubrics.by_scenario[scenario].checks:
            bad = check.kind != "required" and check.severity != "minor"
            for text in check.examples:
                if bad or check.kind == "required":
                    yield Example(scenario, text, dangerous=bad, checked=bad, weight=SURE if bad else 1.0)
            for text in check.harmless:
                yield Example(scenario, text, dangerous=False, checked=False)
            if _always_due(check):
                for text in check.examples:
                    if _begins_with_verb(text):
                        act = _within(text)
                        yield from (Example(scenario, ban + act, check.severity != "minor") for ban in _BANS)
