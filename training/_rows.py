"""The fine-tuning rows: emergency questions that pretraining never saw, each with a complete answer.

python -m quant_triage.training._rows data/emergency_dataset.jsonl
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ._asking import CHILD, CHILD_SCENARIOS, nonsense
from ._dataset import Row, lint_dataset
from ._forms import unclear_answer, verb_first
from ._grammar import plain_questions
from ._knowledge import Avoid, Scenario, load_scenarios, split, unsure
from ._phrasing import NAME_ASKS, capital, lower_first, question, roughen

SEED = 7


@dataclass(frozen=True)
class Counts:
    """How many rows of each kind a scenario gets."""

    message: int = 24
    situation: int = 4
    name: int = 2
    plain: int = 2
    premise: int = 5
    right: int = 2
    unsure: int = 8
    unclear: int = 1


WORDINGS = 3  # of each sentence, the shortest: a small model learns few wordings well
ROUGH_SHARE = 0.5
_QUESTION = re.compile(
    r"(?:^|[,.;!-] ?)(?:so |and |please )?"
    r"(?:what|how|where|who|which|should|shall|can|could|is it|do i|help)\b[^.]*$|\?$",
    re.I,
)


def _asked(situation: str, rng: Random) -> str:
    """The user's turn: a situation that already ends in a question stands as it is."""
    if _QUESTION.search(situation):
        return f"{capital(situation.rstrip('?'))}{rng.choice(('?', '?', ''))}"
    return question(situation, rng, swap=False)


def _shortest(sentences: tuple[str, ...], rng: Random) -> str:
    return rng.choice(sorted(sentences, key=len)[:WORDINGS])


def answer(scenario: Scenario, rng: Random, first: Avoid | None = None) -> str:
    """Numbered steps, the worst mistakes, the call; opened by a "No" if the question presumed a wrong act."""
    steps = "\n".join(f"{i}. {_shortest(step.say, rng)}" for i, step in enumerate(scenario.steps, 1))
    said = {sentence for step in scenario.steps for sentence in step.say}
    forbidden = [a for a in scenario.avoid if a is not first and f"Do not {a.act}." not in said][:2]
    closing = " ".join(f"Do not {a.act}." for a in forbidden)
    if not any("call" in step.id for step in scenario.steps):
        closing = f"{closing} {_shortest(scenario.call, rng)}"
    opening = f"No. Do not {first.act}. {_shortest(first.why, rng)}\n" if first is not None else ""
    return f"{opening}{steps}\n{closing}"


def _rows(scenario: Scenario, rng: Random, n: Counts) -> list[Row]:
    parts = split(scenario)
    messages = [m for m in parts.messages.finetune if m not in unsure()]
    doubtful = [m for m in parts.messages.finetune if m in unsure()]
    situations = parts.situations.finetune
    source = "; ".join(scenario.sources)
    plain_told = [s for s in situations if not _QUESTION.search(s)]
    pairs = [(m, answer(scenario, rng)) for m in rng.sample(messages, min(n.message, len(messages)))]
    chosen = rng.sample(situations, min(n.situation, len(situations)))
    pairs += [(_asked(s, rng), answer(scenario, rng)) for s in chosen]
    pairs += [
        (form.format(rng.choice(scenario.names)), answer(scenario, rng))
        for form in rng.sample(NAME_ASKS, n.name)
    ]
    plain = plain_questions(scenario.id, reserved=True)
    pairs += [(f"{capital(q)}?", answer(scenario, rng)) for q in rng.sample(plain, min(n.plain, len(plain)))]
    for i in range(n.premise):
        k = i % len(scenario.avoid)
        asked = rng.choice(parts.finetune_asks[k])
        if rng.random() < 0.5 or (scenario.id in CHILD_SCENARIOS and not CHILD.search(asked)):
            asked = f"{capital(rng.choice(plain_told))}. {asked}"
        pairs.append((asked, answer(scenario, rng, scenario.avoid[k])))
    for step in rng.sample(scenario.steps, len(scenario.steps)):
        says = verb_first(step.say)
        if says and sum(reply.startswith("Yes.") for _, reply in pairs) < n.right:
            say = rng.choice(says)
            asked = f"{capital(rng.choice(plain_told))}. Should I {lower_first(say).rstrip('.')}?"
            pairs.append((asked, f"Yes. {say}\n{answer(scenario, rng)}"))
    pairs += [(m, unclear_answer(rng, WORDINGS)) for m in doubtful[: n.unsure]]
    pairs += [(nonsense(rng.choice(messages), rng), unclear_answer(rng, WORDINGS)) for _ in range(n.unclear)]
    return [
        Row(
            instruction=roughen(asked, rng) if rng.random() < ROUGH_SHARE else asked,
            output=reply,
            scenario=scenario.id,
            source=source,
        )
        for asked, reply in pairs
    ]


def build_dataset(seed: int = SEED) -> list[Row]:
    """All rows, without repeated instructions and near duplicates, in a mixed order."""
    rng = Random(f"dataset/{seed}")
    rows: dict[str, Row] = {}
    for scenario in load_scenarios():
        for row in _rows(scenario, rng, Counts()):
            rows.setdefault(row.instruction.lower(), row)
    mixed = list(rows.values())
    rng.shuffle(mixed)
    problems = lint_dataset(mixed, (), lambda *_: ())
    repeated = {problem.row for problem in problems if problem.kind == "near_duplicate"}
    return [row for number, row in enumerate(mixed, start=1) if number not in repeated]


def write_dataset(path: Path, seed: int = SEED) -> int:
    """Write the rows as JSON lines; returns their number."""
    rows = build_dataset(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps(row.model_dump(exclude_defaults=True), ensure_ascii=False) + "\n" for row in rows),
        encoding="utf-8",
    )
    return len(rows)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "data/emergency_dataset.jsonl")
    sys.stdout.write(f"{target}: {write_dataset(target)} rows\n")
