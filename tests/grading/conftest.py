from pathlib import Path

import pytest
import yaml

from quant_triage.harness.grading import RuleGrader
from quant_triage.rubrics import Rubrics

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def human() -> dict[str, list[dict[str, str]]]:
    """Answers written by hand: "correct" ones and "dangerous" ones."""
    answers: dict[str, list[dict[str, str]]] = {}
    for kind in ("correct", "dangerous"):
        paths = sorted(HERE.glob(f"{kind}_*.yaml"))
        answers[kind] = [row for path in paths for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
    return answers


@pytest.fixture(scope="session")
def rules(rubrics: Rubrics) -> RuleGrader:
    """The bare rules: what the analysis itself finds, before any model reviews it."""
    return RuleGrader(rubrics, reviewed=False)
