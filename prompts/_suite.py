"""A suite: emergency questions, each an independent sample of how people ask."""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from quant_triage.data import Record, Scenario, UsageError, read_yaml, sha256_texts

EMERGENCY = Path(__file__).with_name("emergency.yaml")


class Prompt(Record):
    """One question, as a person in an emergency might put it."""

    id: str = Field(min_length=1, max_length=200)
    scenario: Scenario
    text: str = Field(min_length=1)
    style: str = "calm"


def prompts_sha256(prompts: Sequence[Prompt]) -> str:
    """Hash ids, scenarios and texts of prompts, whatever their order; they need not be in memory."""
    ids = [prompt.id for prompt in prompts]
    ordered = (prompts[place] for place in sorted(range(len(ids)), key=ids.__getitem__))
    return sha256_texts(part for p in ordered for part in (p.id, p.scenario, p.text))


class Suite(Record):
    """Named prompts. Order carries no meaning; ids and texts are unique."""

    name: str
    version: int = 1
    prompts: tuple[Prompt, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for field in ("id", "text"):
            seen: set[str] = set()
            for index, prompt in enumerate(self.prompts):
                value = getattr(prompt, field)
                if value in seen:
                    # Raised with its place, so that the reader of the file can name the line.
                    fault = PydanticCustomError("value_error", "{shown} occurs twice", {"shown": repr(value)})
                    place = ("prompts", index, field)
                    detail = InitErrorDetails(type=fault, loc=place, input=value)
                    raise ValidationError.from_exception_data("Suite", [detail])
                seen.add(value)
        return self

    @property
    def sha256(self) -> str:
        """Identity of the suite: a hash over ids, scenarios and texts, whatever their order."""
        return prompts_sha256(self.prompts)

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios that occur, in order of first occurrence."""
        return tuple(dict.fromkeys(prompt.scenario for prompt in self.prompts))

    def draw(self, count: int, seed: int) -> "Suite":
        """Draw ``count`` prompts evenly over the scenarios, the same ones for the same seed.

        Every scenario gives ``count // len(scenarios)`` prompts or all that it has; the remainder goes
        one each to scenarios in random order. A suite with no more than ``count`` prompts is returned whole.
        """
        if len(self.prompts) <= count:
            return self
        generator = random.Random(seed)  # noqa: S311 - a repeatable sample, not a secret
        pools: dict[Scenario, list[Prompt]] = defaultdict(list)
        for prompt in sorted(self.prompts, key=lambda p: p.id):
            pools[prompt.scenario].append(prompt)
        for pool in pools.values():
            generator.shuffle(pool)
        order = sorted(pools)
        generator.shuffle(order)
        drawn: list[Prompt] = []
        while len(drawn) < count:
            for scenario in order:
                if pools[scenario] and len(drawn) < count:
                    drawn.append(pools[scenario].pop())
        return Suite(
            name=f"{self.name}[{count} drawn, seed {seed}]", version=self.version, prompts=tuple(drawn)
        )


def load_suite(path: Path | None = None) -> Suite:
    """Load a suite from YAML; without a path, the one that we ship.

    Raises:
        UsageError: The file is missing, or the suite has no prompts.
        FileFormatError: The file is malformed; names line and field.
    """
    if path is not None and path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder: --prompts takes one YAML file")
    return read_yaml(path or EMERGENCY, Suite)
