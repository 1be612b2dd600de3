"""Where prompts and checks stand in their files, so that a finding can point at both."""

from collections.abc import Iterator
from pathlib import Path

import yaml

import quant_triage.prompts
from quant_triage.data import public_path
from quant_triage.harness import Place, Places, Result
from quant_triage.rubrics import RUBRICS_DIR

_PROMPTS = Path(quant_triage.prompts.__file__).parent


def find_places(result: Result, prompts: Path | None, rubrics: Path | None) -> Places:
    """Find the lines of a result's prompts and of the checks that it found against.

    Args:
        result: What was found.
        prompts: The suite's file; ours unless named. Recorded prompts of no suite have no place.
        rubrics: The folder of rubrics; ours unless named.
    """
    suites = [prompts] if prompts else sorted(_PROMPTS.glob("*.yaml"))
    lines = {name: place for path in suites for name, place in _ids(path, shipped=prompts is None)}
    asked: set[str] = set()
    found: set[tuple[str, str]] = set()
    for reply in (reply for model in result.models for reply in model.replies):
        if reply.prompt_id in lines:
            asked.add(reply.prompt_id)
        found.update((reply.scenario, finding.check) for finding in reply.findings)
    folder = rubrics or RUBRICS_DIR
    files = {path.stem: dict(_ids(path, shipped=rubrics is None)) for path in sorted(folder.glob("*.yaml"))}
    checks: dict[str, Place] = {}
    for scenario, check in sorted(found):
        # A scenario's own file first; then where all hold; then wherever it was inherited from.
        for name in (scenario, "everywhere", *files):
            if (place := files.get(name, {}).get(check)) is not None:
                checks[f"{scenario}/{check}"] = place
                break
    return Places(prompts={name: lines[name] for name in sorted(asked)}, checks=checks)


def _ids(path: Path, *, shipped: bool) -> Iterator[tuple[str, Place]]:
    """Yield every ``id`` in a YAML file with its line."""
    file = f"{path.parent.name}/{path.name}" if shipped else public_path(path.resolve())
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    waiting = [node] if node is not None else []
    while waiting:
        here = waiting.pop()
        if isinstance(here, yaml.SequenceNode):
            waiting += here.value
        elif isinstance(here, yaml.MappingNode):
            for key, value in here.value:
                if key.value == "id" and isinstance(value, yaml.ScalarNode):
                    yield value.value, Place(file=file, line=key.start_mark.line + 1, shipped=shipped)
                waiting.append(value)
