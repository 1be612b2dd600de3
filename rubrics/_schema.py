"""What a rubric file may hold: one file a scenario, plus those for everywhere, synonyms and sources."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from quant_triage.data import Record, Scenario

from ._pattern import Act, parse_slot

CheckKind = Literal["required", "dangerous", "order", "quantity"]
Severity = Literal["critical", "major", "minor"]
Unit = Literal["minutes", "per_minute", "cm", "mg", "ml", "celsius", "count", "phone"]
Range = tuple[float, float]


class Source(Record):
    """A guideline that a check rests on."""

    organisation: str
    title: str
    year: int = Field(ge=1950, le=2100)

    def __str__(self) -> str:
        return f"{self.organisation}, {self.title} ({self.year})"


class Check(Record):
    """One thing to look for in a reply. docs/writing-rubrics.md explains every field.

    Attributes:
        acts: Any one of these makes the act (for ``order``: the act that must not come too early).
        named: ``required``: words that by themselves tell that the act is done ("999, on her side"); what is
            said against them is no ban of the act.
        extends: The acts of the check that this one replaces make the act too.
        when: Only where the text puts the casualty in one of these states.
        unless: Not where the text puts the casualty in one of these states.
        without: Words anywhere in the sentence that take the finding back.
        conditional: The required act is due only in some situations: it earns credit, its lack costs nothing.
        forbidding: How bad it is to forbid the required act; ``none`` if that can be right.
        forbids: Dangerous checks; naming their act in order to forbid it meets this required check.
        after: ``order``: the acts that must come first.
        unit: ``quantity``: what is measured.
        ok: ``quantity``: values that are right.
        debatable: ``quantity``: values beyond ``ok`` that are a ``minor`` fault; past them, ``severity``.
        only_in: In ``everywhere.yaml``: the scenarios that it holds in, if not all.
        not_in: In ``everywhere.yaml``: the scenarios that it does not hold in.
        region: Where guidelines differ, the region that this one holds for.
        examples: Sentences that advise the act. Tests derive the forbidden, mythical, ... forms from them.
        harmless: Sentences that look like it and must not be found.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: CheckKind
    severity: Severity
    version: int = Field(default=1, ge=1)
    title: str = Field(min_length=3)
    why: str = ""
    source: str
    region: str | None = None
    acts: tuple[Act, ...] = ()
    named: tuple[Act, ...] = ()
    extends: bool = False
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    without: str | None = None
    conditional: bool = False
    forbidding: Severity | Literal["none"] | None = None
    forbids: tuple[str, ...] = ()
    after: tuple[Act, ...] = ()
    unit: Unit | None = None
    ok: Range | None = None
    debatable: Range | None = None
    only_in: tuple[Scenario, ...] = ()
    not_in: tuple[Scenario, ...] = ()
    examples: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()

    @field_validator("without")
    @classmethod
    def _words(cls, value: str | None) -> str | None:
        if value is not None:
            parse_slot(value)
        return value

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        belongs = {
            "conditional": "required",
            "forbidding": "required",
            "forbids": "required",
            "named": "required",
            "after": "order",
            "unit": "quantity",
            "ok": "quantity",
            "debatable": "quantity",
        }
        for field, kind in belongs.items():
            if field in self.model_fields_set and kind != self.kind:
                raise ValueError(f"check {self.id!r} is {self.kind!r}: {field!r} belongs to {kind!r} checks")
        if not self.acts and not self.extends:
            raise ValueError(f"check {self.id!r} needs 'acts'")
        needs = {"order": ("after",), "quantity": ("unit",), "dangerous": ("why",), "required": ()}
        for field in needs[self.kind]:
            if not getattr(self, field):
                raise ValueError(f"check {self.id!r} is {self.kind!r} and needs {field!r}")
        if self.kind == "quantity" and not self.ok and self.unit != "phone":
            raise ValueError(f"check {self.id!r} is {self.kind!r} and needs 'ok'")
        if self.ok and (self.ok[0] > self.ok[1]):
            raise ValueError(f"check {self.id!r}: 'ok' must go from low to high")
        if (
            self.ok
            and self.debatable
            and not (self.debatable[0] <= self.ok[0] and self.ok[1] <= self.debatable[1])
        ):
            raise ValueError(f"check {self.id!r}: 'debatable' must enclose 'ok'")
        return self


class RubricFile(Record):
    """A scenario's file, as it is written.

    Attributes:
        inherit: Scenarios whose checks hold here too.
        drop: Inherited checks that do not.
        recognise: Patterns that give the scenario away in a question, by weight.
    """

    scenario: Scenario
    title: str
    inherit: tuple[Scenario, ...] = ()
    drop: tuple[str, ...] = ()
    recognise: dict[int, tuple[Act, ...]] = {}
    checks: tuple[Check, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _refuse_doubles(self.checks)
        return self


class EverywhereFile(Record):
    """``everywhere.yaml``: checks that hold in every scenario."""

    checks: tuple[Check, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _refuse_doubles(self.checks)
        return self


class State(Record):
    """A state of the casualty that a condition can name; of one ``group``, the nearest wins."""

    group: str
    acts: tuple[Act, ...] = Field(min_length=1)


class SynonymsFile(Record):
    """``synonyms.yaml``: sets of words that mean the same here, and states of the casualty."""

    sets: dict[str, tuple[str, ...]]
    states: dict[str, State]

    @field_validator("sets")
    @classmethod
    def _names_and_words(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, words in value.items():
            if not words:
                raise ValueError(f"synonym set {name!r} is empty")
            for word in (name, *words):
                slot = parse_slot(word)
                if word == name and not slot.sets:
                    raise ValueError(f"the name of a synonym set is in capitals, not {name!r}")
                unknown = [other for other in slot.sets if other not in value]
                if unknown:
                    raise ValueError(f"synonym set {name!r} includes {unknown[0]!r}, which does not exist")
        return value


class SourcesFile(Record):
    """``sources.yaml``: the guidelines, by the short names that checks use."""

    sources: dict[str, Source]


def _refuse_doubles(checks: tuple[Check, ...]) -> None:
    seen: set[str] = set()
    for check in checks:
        if check.id in seen:
            raise ValueError(f"check {check.id!r} occurs twice")
        seen.add(check.id)
