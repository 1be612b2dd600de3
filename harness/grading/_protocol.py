"""What every grader is: something with a name and a version that grades a reply."""

from pathlib import Path
from typing import Protocol

from quant_triage.data import Scenario, UsageError
from quant_triage.rubrics import load_rubrics

from .._records import Grading
from ._opinion import PREFIX, open_judge
from ._rules import RuleGrader


class Grader(Protocol):
    """Grades one reply to one prompt. The same input gives the same grade."""

    name: str
    version: str

    def grade(self, prompt: str, reply: str, scenario: Scenario | None = None) -> Grading:
        """Grade one reply; without a scenario it is inferred from the prompt."""
        ...


def load_grader(spec: str = "rules", rubrics_dir: Path | None = None) -> Grader:
    """Load a grader: ``"rules"``, or ``"judge:"`` with a GGUF or an OpenAI-compatible endpoint.

    Raises:
        UsageError: There is no such grader or model, or the rubrics directory is missing.
        FileFormatError: A rubric is malformed.
    """
    if spec.startswith(PREFIX):
        return open_judge(spec.removeprefix(PREFIX), load_rubrics(rubrics_dir))
    if spec != "rules":
        raise UsageError(
            f"unknown grader {spec!r}: choose 'rules', 'judge:FILE.gguf' or 'judge:http://HOST:PORT/v1'"
        )
    return RuleGrader(load_rubrics(rubrics_dir))
