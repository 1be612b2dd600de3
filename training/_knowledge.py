"""Load the knowledge files: one YAML file and one file of messages a scenario, checked field by field."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field

from quant_triage.data import FileFormatError, Record, UsageError, read_yaml

FOLDER = Path(__file__).parent / "corpus"
UNSURE = FOLDER / "messages" / "unsure.txt"
DOUBTFUL = FOLDER / "messages" / "doubtful.txt"
RESERVED_SHARE = 0.06  # kept for fine-tuning, never seen in pretraining
HELD_OUT_SHARE = 0.03  # kept for validation, never trained on at all


def _one_line(value: str) -> str:
    if not (line := " ".join(value.split())):
        raise ValueError("must not be empty")
    return line


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Text = Annotated[str, AfterValidator(_one_line)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_unique)]


class Step(Record):
    """One act that a good answer names, in several wordings."""

    id: str
    say: Texts
    why: Texts


class Avoid(Record):
    """One act that guidelines forbid, the questions that presume it, and the reasons against it."""

    act: Text
    gerund: Text
    ask: Texts
    why: Texts
    reserved_ask: tuple[Text, ...] = ()


class _Knowledge(Record):
    """A knowledge file as it stands."""

    scenario: str
    sources: Texts
    names: Texts
    situations: Texts
    steps: tuple[Step, ...] = Field(min_length=1)
    call: Texts
    avoid: tuple[Avoid, ...] = Field(min_length=1)
    facts: Texts
    brief: Texts


class Scenario(_Knowledge):
    """Everything that the generator knows about one emergency."""

    messages: Texts  # whole messages as people send them, `corpus/messages/<scenario>.txt`

    @property
    def id(self) -> str:
        """Which of the thirty it is."""
        return self.scenario


class Shares(Record):
    """Texts of one kind, divided by what may be trained on them; no text stands in two shares."""

    pretrain: tuple[str, ...]
    finetune: tuple[str, ...]
    held_out: tuple[str, ...]


class Split(Record):
    """A scenario's situations, messages and premise questions, by what may be trained on them."""

    situations: Shares
    messages: Shares
    doubtful: tuple[str, ...]  # messages for pretraining that do not tell for certain which emergency it is
    pretrain_asks: tuple[tuple[str, ...], ...]  # one tuple for each Avoid, in order
    finetune_asks: tuple[tuple[str, ...], ...]


def _messages(path: Path) -> tuple[str, ...]:
    """One message a line; a line that differs from an earlier one in case alone is passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UsageError(f"no messages for this scenario: {path} is missing") from None
    unique = {line.casefold(): line for line in reversed([" ".join(line.split()) for line in lines]) if line}
    return tuple(reversed(unique.values()))


def load_scenario(path: Path) -> Scenario:
    """Read and check one knowledge file and its messages.

    Raises:
        UsageError: A file is missing.
        FileFormatError: A field is missing or malformed; names line and field.
    """
    known = read_yaml(path, _Knowledge)
    if known.scenario != path.stem:
        raise FileFormatError(path, f"must be {path.stem!r} like the file", field="scenario")
    messages = _messages(path.parent / "messages" / f"{path.stem}.txt")
    return Scenario(**dict(known), messages=messages)


@cache
def load_scenarios(folder: Path = FOLDER) -> tuple[Scenario, ...]:
    """Read all knowledge files, in the order of their names."""
    paths = sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("_"))
    return tuple(load_scenario(path) for path in paths)


@cache
def _listed(path: Path) -> frozenset[str]:
    return frozenset(path.read_text(encoding="utf-8").splitlines())


def unsure() -> frozenset[str]:
    """Messages that the bundled base takes for another emergency; `_recognition.py` lists them."""
    return _listed(UNSURE)


def doubtful() -> frozenset[str]:
    """Messages that do not tell for certain which emergency they are about; `_doubt.py` lists them."""
    return _listed(DOUBTFUL)


def _divide(texts: tuple[str, ...], rng: Random) -> Shares:
    shuffled = rng.sample(texts, len(texts))
    n_finetune = max(8, round(RESERVED_SHARE * len(texts)))
    n_held = max(2, round(HELD_OUT_SHARE * len(texts)))
    return Shares(
        pretrain=tuple(shuffled[n_finetune + n_held :]),
        finetune=tuple(shuffled[:n_finetune]),
        held_out=tuple(shuffled[n_finetune : n_finetune + n_held]),
    )


@cache
def split(scenario: Scenario) -> Split:
    """Divide a scenario's texts; the same for every seed, so that no run leaks."""
    rng = Random(f"split/{scenario.id}")
    situations, messages = _divide(scenario.situations, rng), _divide(scenario.messages, rng)
    asks: list[tuple[str, ...]] = []
    kept: list[tuple[str, ...]] = []
    for avoid in scenario.avoid:
        shuffled = rng.sample(avoid.ask, len(avoid.ask))
        n_kept = max(1, len(shuffled) // 3)
        kept.append((*shuffled[:n_kept], *avoid.reserved_ask))
        asks.append(tuple(shuffled[n_kept:]))
    return Split(
        situations=situations,
        messages=messages.model_copy(
            update={"pretrain": tuple(m for m in messages.pretrain if m not in doubtful())}
        ),
        doubtful=tuple(m for m in messages.pretrain if m in doubtful()),
        pretrain_asks=tuple(asks),
        finetune_asks=tuple(kept),
    )
