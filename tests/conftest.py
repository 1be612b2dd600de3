"""What all tests share."""

import os

import pytest

from quant_triage.harness.grading import RuleGrader
from quant_triage.rubrics import Rubrics, load_rubrics

# torch's threads spin while they wait; beside busy neighbours that stalls every step.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def rubrics() -> Rubrics:
    return load_rubrics()


@pytest.fixture(scope="session")
def grader(rubrics: Rubrics) -> RuleGrader:
    return RuleGrader(rubrics)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a fault shows within seconds."""
    items.sort(key=lambda item: (item.get_closest_marker("slow") is not None, _browser(item)))


def _browser(item: pytest.Item) -> bool:
    return item.get_closest_marker("browser") is not None
