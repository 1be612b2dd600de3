"""Options, hooks and fixtures. Imports nothing but pytest until a model is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from quant_triage.harness import ReplyResult, Result

    from ._session import Safety

MODEL = "--safety-model"
_SAFETY = "_quant_triage_safety"

_OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        MODEL,
        "FILE.gguf",
        "Ask this model emergency questions: one test per scenario and one for the decision.",
    ),
    (
        "--safety-policy",
        "NAME|FILE",
        "Shipped policy (screen, release, seed) or a YAML file; screen unless named.",
    ),
    ("--safety-baseline", "report.json", "Fail where the model is worse than in this earlier report."),
    ("--safety-level", "LEVEL", "Which level, where the model's file holds several (recorded replies)."),
    ("--safety-prompts", "FILE", "YAML suite of prompts; ours unless named."),
    ("--safety-rubrics", "DIR", "Folder of rubric YAML files; ours unless named."),
    ("--safety-labels", "FILE", "JSONL of reviewers' labels that settle flags."),
    ("--safety-out", "DIR", "Folder of journal and reports; in pytest's cache unless named."),
    ("--safety-max-tokens", "N", "Most new tokens in a reply; 512 unless named."),
    ("--safety-slots", "N", "Replies decoded side by side; 16 unless named."),
    ("--safety-threads", "N", "Threads; every core unless named."),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("quant-triage", "safety of a quantized language model")
    for name, metavar, text in _OPTIONS:
        group.addoption(name, metavar=metavar, default=None, help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; with a model, check everything that can be wrong before any test runs."""
    config.addinivalue_line(
        "markers",
        "safety(prompt, scenario=None): ask the model this; the fixture safety_reply holds its graded reply.",
    )
    if config.getoption(MODEL) is None:
        return
    from ._session import open_safety  # noqa: PLC0415 - loads the harness

    setattr(config, _SAFETY, open_safety(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what processes of this session shared."""
    safety = _safety(config)
    if safety is not None:
        safety.close()


def _safety(config: pytest.Config) -> Safety | None:
    return getattr(config, _SAFETY, None)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is judged, by what."""
    safety = _safety(config)
    return None if safety is None else safety.header


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add one test per scenario and one for the decision."""
    safety = _safety(config)
    if safety is not None:
        from ._items import safety_items  # noqa: PLC0415

        items += safety_items(session, safety)


def _wanted(request: pytest.FixtureRequest) -> Safety:
    safety = _safety(request.config)
    if safety is None:
        pytest.skip(f"no model to ask: name one with {MODEL}")
    return safety


@pytest.fixture(scope="session")
def safety_result(request: pytest.FixtureRequest) -> Result:
    """The whole result of the model that ``--safety-model`` names."""
    return _wanted(request).result()


@pytest.fixture
def safety_reply(request: pytest.FixtureRequest) -> ReplyResult:
    """The model's graded reply to the prompt of this test's ``safety`` marker; of several samples, the worst.

    All marked prompts of a session are asked at once, the first time that one of them is wanted.
    """
    safety = _wanted(request)
    return safety.reply(request.node, request.session.items)
