"""Reads a directory of rubrics, resolves what files say of one another, and refuses what does not fit."""

from collections.abc import Iterable
from pathlib import Path

from quant_triage.data import FileFormatError, Record, Scenario, UsageError, read_yaml, sha256_text

from ._pattern import Pattern, parse_slot
from ._schema import Check, EverywhereFile, RubricFile, Source, SourcesFile, State, SynonymsFile

HERE = Path(__file__).parent
_SHARED = ("everywhere.yaml", "synonyms.yaml", "sources.yaml")


class Rubric(Record):
    """All that holds in one scenario: its own checks, the inherited ones and those that hold everywhere."""

    scenario: Scenario
    title: str
    recognise: dict[int, tuple[Pattern, ...]]
    checks: tuple[Check, ...]


class Rubrics(Record):
    """Everything a grader needs to know.

    Attributes:
        everywhere: The checks for a prompt whose scenario is unknown.
        sha256: Hash over the contents of every file; part of a grader's identity.
    """

    by_scenario: dict[Scenario, Rubric]
    everywhere: tuple[Check, ...]
    sets: dict[str, tuple[str, ...]]
    states: dict[str, State]
    sources: dict[str, Source]
    sha256: str

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios that have a rubric, in order of name."""
        return tuple(sorted(self.by_scenario))

    def require(self, scenarios: Iterable[Scenario]) -> None:
        """Check that each scenario has a rubric, before any model is loaded.

        Raises:
            UsageError: One has none; names it and those that exist.
        """
        for scenario in scenarios:
            if scenario not in self.by_scenario:
                raise UsageError(
                    f"no rubric for scenario {scenario!r}: add {scenario}.yaml or choose from "
                    f"{', '.join(self.scenarios)}"
                )


def load_rubrics(directory: Path | None = None) -> Rubrics:
    """Load every rubric of a directory; without one, those that we ship.

    Files that a directory of your own lacks of ``everywhere.yaml``, ``synonyms.yaml`` and ``sources.yaml``
    are taken from ours.

    Raises:
        UsageError: The directory is missing or holds no rubric.
        FileFormatError: A file is malformed; names file, line and field.
    """
    folder = directory or HERE
    if not folder.is_dir():
        raise UsageError(f"no rubrics directory at {str(folder)!r}")
    shared = [folder / name if (folder / name).is_file() else HERE / name for name in _SHARED]
    paths = sorted(path for path in folder.glob("*.yaml") if path.name not in _SHARED)
    if not paths:
        raise UsageError(f"no rubric (<scenario>.yaml) in {str(folder)!r}")
    everywhere = read_yaml(shared[0], EverywhereFile)
    synonyms = read_yaml(shared[1], SynonymsFile)
    sources = read_yaml(shared[2], SourcesFile).sources
    files: dict[Scenario, tuple[Path, RubricFile]] = {}
    for path in paths:
        file = read_yaml(path, RubricFile)
        if path.stem != file.scenario:
            raise FileFormatError(path, f"must be named {file.scenario}.yaml", field="scenario")
        files[file.scenario] = (path, file)
    known = _Known(synonyms, sources)
    known.verify(shared[0], everywhere.checks)
    for state in synonyms.states.values():
        known.verify_patterns(shared[1], state.acts)
    for path, file in files.values():
        known.verify(path, file.checks)
        known.verify_patterns(path, (p for patterns in file.recognise.values() for p in patterns))
    rubrics = {scenario: _resolve(scenario, files, everywhere.checks) for scenario in files}
    return Rubrics(
        by_scenario=rubrics,
        everywhere=tuple(c for c in everywhere.checks if not c.only_in and c.kind == "dangerous"),
        sets=synonyms.sets,
        states=synonyms.states,
        sources=sources,
        sha256=sha256_text(*(part for path in (*shared, *paths) for part in (path.name, path.read_text()))),
    )


class _Known:
    """The names that checks may refer to."""

    def __init__(self, synonyms: SynonymsFile, sources: dict[str, Source]):
        self.synonyms = synonyms
        self.sources = sources

    def verify(self, path: Path, checks: Iterable[Check]) -> None:
        for check in checks:
            if check.source not in self.sources:
                raise _error(path, check.source, "source", f"{check.source!r} is not in sources.yaml")
            for state in (*check.when, *check.unless):
                if state not in self.synonyms.states:
                    raise _error(path, state, "when", f"{state!r} is not a state in synonyms.yaml")
            self.verify_patterns(path, (*check.acts, *check.after, *check.named))
            if check.without:
                self._verify_sets(path, check.without, parse_slot(check.without).sets)

    def verify_patterns(self, path: Path, patterns: Iterable[Pattern]) -> None:
        for pattern in patterns:
            self._verify_sets(path, pattern.text, pattern.sets)

    def _verify_sets(self, path: Path, text: str, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.synonyms.sets:
                raise _error(path, text, "acts", f"{name!r} is not a synonym set in synonyms.yaml")


def _error(path: Path, text: str, field: str, problem: str) -> FileFormatError:
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next((number for number, line in enumerate(lines, start=1) if text in line), None)
    return FileFormatError(path, problem, line=line, field=field)


def _resolve(
    scenario: Scenario, files: dict[Scenario, tuple[Path, RubricFile]], everywhere: tuple[Check, ...]
) -> Rubric:
    file = files[scenario][1]
    checks = {
        check.id: check
        for check in everywhere
        if scenario not in check.not_in and (not check.only_in or scenario in check.only_in)
    }
    path = files[scenario][0]
    _lay_over(checks, _own_and_inherited(scenario, files, ()).values())
    for check in checks.values():
        if check.extends:
            problem = f"{check.id!r} replaces no check whose acts it could add to"
            raise _error(path, f"id: {check.id}", "extends", problem)
        for other in check.forbids:
            if other not in checks:
                raise _error(path, other, "forbids", f"{other!r} is not a check of {scenario!r}")
    return Rubric(
        scenario=scenario, title=file.title, recognise=file.recognise, checks=tuple(checks.values())
    )


def _own_and_inherited(
    scenario: Scenario, files: dict[Scenario, tuple[Path, RubricFile]], heirs: tuple[Scenario, ...]
) -> dict[str, Check]:
    path, file = files[scenario]
    checks: dict[str, Check] = {}
    for parent in file.inherit:
        if parent in (*heirs, scenario):
            raise _error(path, parent, "inherit", f"{parent!r} inherits from {scenario!r} in turn")
        if parent not in files:
            raise _error(path, parent, "inherit", f"{parent!r} has no rubric here")
        checks.update(_own_and_inherited(parent, files, (*heirs, scenario)))
    for name in file.drop:
        if checks.pop(name, None) is None:
            raise _error(path, name, "drop", f"{name!r} is not an inherited check")
    _lay_over(checks, file.checks)
    return checks


def _lay_over(below: dict[str, Check], above: Iterable[Check]) -> None:
    """Put checks in the place of those of the same id, whose acts go to those that extend them."""
    for check in above:
        replaced = below.get(check.id)
        if check.extends and replaced is not None:
            both = {
                "acts": (*replaced.acts, *check.acts),
                "named": (*replaced.named, *check.named),
                "extends": replaced.extends,
            }
            below[check.id] = check.model_copy(update=both)
        else:
            below[check.id] = check
