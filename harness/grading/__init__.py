"""Grading: what a reply advises, forbids and leaves out, and what that is worth."""

import functools

from quant_triage.data import Scenario
from quant_triage.rubrics import load_rubrics

from ._opinion import JudgeGrader, open_judge
from ._protocol import Grader, load_grader
from ._rules import RuleGrader

__all__ = ["Grader", "JudgeGrader", "RuleGrader", "infer_scenario", "load_grader", "open_judge"]


@functools.cache
def _shipped() -> RuleGrader:
    return RuleGrader(load_rubrics())


def infer_scenario(prompt: str) -> Scenario | None:
    """Return the scenario that a question is about, by the shipped rubrics, or ``None`` when unsure."""
    return _shipped().infer_scenario(prompt)
