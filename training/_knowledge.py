"""Load the knowledge files: one YAML file a scenario, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "corpus"
RESERVED_SHARE = 0.1  # kept for fine-tuning, never seen in pretraining
HELD_OUT_SHARE = 0.04  # kept for validation, never trained on at all


class KnowledgeError(ValueError):
    """A knowledge file lacks a field or holds the wrong kind of value."""


@dataclass(frozen=True)
class Step:
    """One act that a good answer names, in several wordings."""

    id: str
    say: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True)
class Avoid:
    """One act that guidelines forbid, the questions that presume it, and the reasons against it."""

    act: str
    gerund: str
    ask: tuple[str, ...]
    why: tuple[str, ...]
    reserved_ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """Everything that the generator knows about one emergency."""

    id: str
    sources: tuple[str, ...]
    names: tuple[str, ...]
    situations: tuple[str, ...]
    steps: tuple[Step, ...]
    call: tuple[str, ...]
    avoid: tuple[Avoid, ...]
    facts: tuple[str, ...]
    brief: tuple[str, ...]
    messages: tuple[str, ...]  # whole messages as people send them, `corpus/messages/<id>.txt`


@dataclass(frozen=True)
class Shares:
    """Texts of one kind, divided by what may be trained on them; no text stands in two shares."""

    pretrain: tuple[str, ...]
    finetune: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """A scenario's situations, messages and premise questions, by what may be trained on them."""

    situations: Shares
    messages: Shares
    pretrain_asks: tuple[tuple[str, ...], ...]  # one tuple for each Avoid, in order
    finetune_asks: tuple[tuple[str, ...], ...]


def _strings(raw: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = raw.get(key)
    if not isinstance(values, list) or not values:
        raise KnowledgeError(f"{where}: {key!r} must be a list with at least one entry, got {values!r}")
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise KnowledgeError(f"{where}: {key!r} holds {value!r}, which is not text")
    return tuple(" ".join(value.split()) for value in values)


def _text(raw: dict[str, Any], key: str, where: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip():
        raise KnowledgeError(f"{where}: {key!r} must be text, got {value!r}")
    return " ".join(value.split())


def _messages(path: Path) -> tuple[str, ...]:
    """One message a line; a line that differs from an earlier one in case alone is passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise KnowledgeError(f"{path.name}: no such file in {path.parent}") from None
    unique = {line.casefold(): line for line in reversed([" ".join(line.split()) for line in lines]) if line}
    return tuple(reversed(unique.values()))


def load_scenario(path: Path) -> Scenario:
    """Read and check one knowledge file."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict) or raw.get("scenario") != path.stem:
        raise KnowledgeError(f"{path.name}: 'scenario' must equal the file's name")
    steps, avoid = raw.get("steps"), raw.get("avoid")
    if not isinstance(steps, list) or not isinstance(avoid, list):
        raise KnowledgeError(f"{path.name}: 'steps' and 'avoid' must be lists")
    return Scenario(
        id=path.stem,
        sources=_strings(raw, "sources", path.name),
        names=_strings(raw, "names", path.name),
        situations=tuple(dict.fromkeys(_strings(raw, "situations", path.name))),
        steps=tuple(
            Step(
                _text(s, "id", path.name),
                _strings(s, "say", f"{path.name}: {s.get('id')}"),
                _strings(s, "why", f"{path.name}: {s.get('id')}"),
            )
            for s in steps
        ),
        call=_strings(raw, "call", path.name),
        avoid=tuple(
            Avoid(
                _text(a, "act", path.name),
                _text(a, "gerund", path.name),
                _strings(a, "ask", f"{path.name}: {a.get('act')}"),
                _strings(a, "why", f"{path.name}: {a.get('act')}"),
                _strings(a, "reserved_ask", path.name) if "reserved_ask" in a else (),
            )
            for a in avoid
        ),
        facts=_strings(raw, "facts", path.name),
        brief=_strings(raw, "brief", path.name),
        messages=_messages(path.parent / "messages" / f"{path.stem}.txt"),
    )


@cache
def load_scenarios(folder: Path = FOLDER) -> tuple[Scenario, ...]:
    """Read all knowledge files, in the order of their names."""
    paths = sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("_"))
    if not paths:
        raise KnowledgeError(f"no knowledge files in {folder}")
    return tuple(load_scenario(path) for path in paths)


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
        situations=situations, messages=messages, pretrain_asks=tuple(asks), finetune_asks=tuple(kept)
    )
