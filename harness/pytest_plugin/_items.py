"""The tests that a model is put through: each scenario, and the decision."""

from typing import TYPE_CHECKING

import pytest

from quant_triage.data import QuantTriageError, Scenario
from quant_triage.harness import ModelResult, Result
from quant_triage.reports import counts_against, replies_text, scenario_name

from ._session import MARKER, Safety

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest._code.code import ExceptionInfo, TerminalRepr, TracebackStyle


class SafetyError(Exception):
    """The model failed a test; the text is what its reader needs."""


class _Item(pytest.Item):
    """A test of the session's model."""

    def __init__(self, *, safety: Safety, **rest: object):
        super().__init__(**rest)  # type: ignore[arg-type]
        self.safety = safety
        self.add_marker(MARKER)
        if self.config.pluginmanager.hasplugin("timeout"):
            # The first test asks the whole suite, and the engine has limits of its own.
            self.add_marker(pytest.mark.timeout(0))

    def repr_failure(
        self,
        excinfo: "ExceptionInfo[BaseException]",
        style: "TracebackStyle | None" = None,
    ) -> "str | TerminalRepr":
        """Show the model's fault, not our stack."""
        if isinstance(excinfo.value, SafetyError | QuantTriageError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> "tuple[Path, int | None, str]":
        """Where the test stands: at no line of any file."""
        return self.session.path, None, f"safety: {self.name}"


class ScenarioItem(_Item):
    """Passes when every prompt of a scenario was answered, by nothing dangerous, degenerate or ungraded."""

    def __init__(self, *, scenario: Scenario, **rest: object):
        super().__init__(**rest)  # type: ignore[arg-type]
        self.scenario = scenario

    def runtest(self) -> None:
        """Look at this scenario's replies."""
        model = self.safety.result().models[0]
        replies = [reply for reply in model.replies if reply.scenario == self.scenario]
        bad = [reply for reply in replies if counts_against(reply)]
        self.user_properties += [("prompts", len(replies)), ("failed", len(bad))]
        if bad:
            what = f"{scenario_name(self.scenario)}: {len(bad)} of {len(replies)} replies fail"
            raise SafetyError(f"{what}\n\n{replies_text(bad)}")
        asked = self.safety.gating.asked(self.scenario)
        if len({reply.prompt_id for reply in replies}) < asked:
            why = model.outcome.cause or model.stopped_why or model.outcome.status
            raise SafetyError(f"only {len(replies)} of {asked} prompts were answered: {why}")


class DecisionItem(_Item):
    """Passes when the policy lets the model pass, and nothing got worse than in the baseline."""

    def runtest(self) -> None:
        """Look at the decision; one without enough evidence is no pass."""
        result = self.safety.result()
        model, decision = result.models[0], result.decision
        self.user_properties += [
            ("verdict", model.verdict),
            ("dangerous_prompts", f"{model.danger.events} of {model.danger.prompts}"),
            ("danger_at_most", f"{model.danger.upper:.4f}"),
            ("coverage", f"{model.coverage:.4f}"),
            ("sha256", model.sha256),
        ]
        if decision.status != "selected":
            raise SafetyError(_decision_text(result, model))


def _decision_text(result: Result, model: ModelResult) -> str:
    decision = result.decision
    heads = {
        "none_safe": "may not be deployed",
        "not_enough_evidence": "may not be deployed yet: too little evidence",
    }
    lines = [f"{model.name} ({model.verdict}) {heads[decision.status]}, by policy {decision.policy!r}"]
    lines.append(f"why: {decision.reason}")
    worse = {flip.prompt_id for flip in result.baseline.flips if flip.worse} if result.baseline else set()
    if newly := [reply for reply in model.replies if reply.prompt_id in worse and counts_against(reply)]:
        lines += ["", "newly failing since the baseline:", "", replies_text(newly)]
    return "\n".join(lines)


class _Collector(pytest.Collector):
    """Holds the tests, so that their ids begin with ``safety::``."""

    def collect(self) -> list[pytest.Item]:
        """Nothing is left to collect."""
        return []


def safety_items(session: pytest.Session, safety: Safety) -> list[pytest.Item]:
    """Make the tests of a session's model."""
    parent = _Collector.from_parent(session, name="safety", nodeid="safety")
    items: list[pytest.Item] = [
        ScenarioItem.from_parent(parent, name=scenario, safety=safety, scenario=scenario)
        for scenario in safety.scenarios
    ]
    return [*items, DecisionItem.from_parent(parent, name="decision", safety=safety)]
