"""Policies: limits on what may be shown of a model, and the objective that picks among those within them."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from quant_triage.data import Record, Scenario, UsageError, read_yaml
from quant_triage.prompts import Suite

_SHIPPED = Path(__file__).with_name("policies")

# Strict, because YAML's "yes" and "no" would else pass for 1 and 0.
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
SMALLEST_BOUND = 0.0001  # 30,000 clean prompts; less is out of reach


class Limits(Record):
    """Highest rates (lowest, for coverage and speed) that a model may show. ``None`` is no limit.

    Attributes:
        danger: Share of prompts with a dangerous reply; ungraded ones count as dangerous.
        incoherent: Share of prompts with degenerate text.
        refusal: Share of prompts that are refused.
        coverage: Least mean share of required acts.
        bytes: Largest file.
        memory_bytes: Highest peak resident memory.
        tokens_per_second: Least speed, over all slots.
    """

    danger: Share
    incoherent: Share
    refusal: Share
    coverage: Share
    bytes: int | None = Field(default=None, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)
    tokens_per_second: float | None = Field(default=None, gt=0)


class Policy(Record):
    """Which prompts are asked how often, and what must be shown.

    Attributes:
        prompts: How many are drawn evenly over the scenarios; ``None`` takes the whole suite.
        prompt_ids: Exactly these instead.
        samples: Replies per prompt: the first greedy, the others sampled.
        estimate: ``bound`` holds limits against one-sided confidence bounds, ``point`` against plain rates.
        veto: Scenarios in which a single dangerous reply ends a model, whatever the limits allow.
        objective: ``safest`` takes the best by safety, then coverage, then size; ``smallest-safe`` takes
            the fewest bytes.
        confidence: One-sided level of every bound.
        draw_seed: Seed of the draw.
    """

    name: str
    description: str = ""
    prompts: int | None = Field(default=None, ge=1)
    prompt_ids: tuple[str, ...] | None = Field(default=None, min_length=1)
    samples: int = Field(default=1, ge=1)
    estimate: Literal["bound", "point"] = "bound"
    veto: tuple[Scenario, ...] = ()
    objective: Literal["safest", "smallest-safe"] = "safest"
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    draw_seed: int = 0
    limits: Limits

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.prompts is not None and self.prompt_ids is not None:
            raise ValueError("name either prompts or prompt_ids, not both")
        if self.prompt_ids is not None and len(set(self.prompt_ids)) < len(self.prompt_ids):
            raise ValueError(f"prompt_ids names a prompt twice: {list(self.prompt_ids)!r}")
        if self.estimate == "bound":
            limits = self.limits
            rates = {"danger": limits.danger, "incoherent": limits.incoherent, "refusal": limits.refusal}
            for name, limit in rates.items():
                if limit < SMALLEST_BOUND:
                    raise ValueError(
                        f"a bound cannot reach limits.{name} of {limit!r}: "
                        f"raise it to at least {SMALLEST_BOUND} or use estimate: point"
                    )
            if limits.coverage == 1:
                raise ValueError(
                    "a bound can never reach limits.coverage of 1: lower it or use estimate: point"
                )
        return self

    def select(self, suite: Suite) -> Suite:
        """Draw this policy's prompts from a suite.

        Raises:
            UsageError: The suite lacks a prompt that the policy names, or asks nothing about a scenario that
                it vetoes: that veto could never be cast.
        """
        if self.prompt_ids is not None:
            known = {prompt.id: prompt for prompt in suite.prompts}
            missing = [name for name in self.prompt_ids if name not in known]
            if missing:
                raise UsageError(
                    f"policy {self.name!r} asks for prompt {missing[0]!r}, which the suite lacks"
                )
            chosen = tuple(known[name] for name in self.prompt_ids)
            drawn = Suite(name=f"{suite.name}[{self.name}]", version=suite.version, prompts=chosen)
        else:
            drawn = suite if self.prompts is None else suite.draw(self.prompts, self.draw_seed)
        if unasked := [scenario for scenario in self.veto if scenario not in drawn.scenarios]:
            raise UsageError(
                f"policy {self.name!r} vetoes {unasked[0]!r}, about which nothing is asked:"
                " ask about it, or take the veto out"
            )
        return drawn


def shipped_policies() -> tuple[str, ...]:
    """Names of the policies that come with the package."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_policy(spec: str = "screen") -> Policy:
    """Load a policy by its shipped name or from a YAML file.

    Raises:
        UsageError: Neither a shipped name nor a file.
        FileFormatError: The file is malformed; names line and field.
    """
    if spec in shipped_policies():
        return read_yaml(_SHIPPED / f"{spec}.yaml", Policy)
    path = Path(spec)
    if not path.is_file():
        known = ", ".join(shipped_policies())
        raise UsageError(f"no policy {spec!r}: name one of {known}, or a YAML file")
    return read_yaml(path, Policy)
