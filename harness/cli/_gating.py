"""What ``gate``, ``spot`` and the pytest plugin share: one model, judged, beside a baseline."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from quant_triage.data import Scenario, UsageError
from quant_triage.harness import (
    Policy,
    Result,
    check_integrity,
    check_suite,
    choose,
    counterpart,
    hold_against,
    regrade,
    too_small,
)
from quant_triage.harness.engines import Source
from quant_triage.harness.grading import infer_scenario
from quant_triage.prompts import Prompt, Suite
from quant_triage.reports import read_result

from ._asking import REPORT, Asking, Inputs, ask, open_models, write_reports
from ._console import say
from ._progress import Stages


def read_baseline(path: Path) -> Result:
    """Read a baseline: a ``report.json`` or the folder of a run.

    Raises:
        UsageError: It is missing or malformed.
        IntegrityError: Replies are missing or doubled.
    """
    file = path / REPORT if path.is_dir() else path
    result = read_result(file)
    check_integrity(result, str(file))
    return result


def _open_one(spec: str, inputs: Inputs, level: str | None) -> Source:
    """Open the one model that is to be judged; an unquantized one is judged like any other."""
    sources = open_models([spec], inputs)
    found = [source for source in sources if level in {None, source.card.level, source.card.name}]
    if len(found) != 1:
        names = ", ".join(source.card.level for source in sources)
        if level is None:
            raise UsageError(f"{spec!r} holds {names}: choose one with --level")
        raise UsageError(f"{spec!r} holds no single level {level!r}, only {names}")
    found[0].card = found[0].card.model_copy(update={"reference": False})
    return found[0]


class Gating:
    """One model and all that it is held against, read and checked before it is loaded.

    Args:
        spec: The model.
        asking: The shared flags.
        level: Which level, where ``spec`` holds several.
        baseline: An earlier report.
        strict: Whether it must be able to pass: a suite too small for its policy, or a baseline that was
            asked another suite, is refused. Recorded replies are what they are: there it is only said.
        quiet: Whether to leave that unsaid, as where another process says it.

    Raises:
        UsageError: Bad input.
    """

    def __init__(
        self,
        spec: str,
        asking: Asking,
        *,
        level: str | None = None,
        baseline: Path | None = None,
        strict: bool = True,
        quiet: bool = False,
    ):
        self._spec, self._curtail = spec, asking.curtail
        self.inputs = asking.check()
        self.baseline = None if baseline is None else read_baseline(baseline)
        self._source = _open_one(spec, self.inputs, level)
        self.suite, self._questions = choose([self._source], self.inputs.suite, self.policy)
        if self.baseline is not None:
            counterpart(self._source.card.level, self.baseline)
            if strict:
                check_suite(self.baseline, self.suite)
        problem = too_small(self.policy, self.suite.prompts, sensitivity=self.inputs.info.sensitivity)
        if problem and strict and not self._recorded:
            raise UsageError(problem)
        if problem and strict and not quiet:
            say(f"warning: {problem}")

    @property
    def policy(self) -> Policy:
        """The policy that it is held against."""
        return self.inputs.policy

    @property
    def _recorded(self) -> bool:
        return self._source.asked() is not None

    def asked(self, scenario: Scenario) -> int:
        """Count the prompts about a scenario."""
        return len({one.prompt.id for one in self._questions if one.prompt.scenario == scenario})

    def judge(self, folder: Path, stages: Stages, *, accept: bool = False) -> Result:
        """Ask all of the suite, decide, hold the result against the baseline; leave reports in ``folder``.

        Args:
            folder: Gets the reports and the journal.
            stages: Where progress is shown.
            accept: Whether what got worse than in the baseline is only recorded, and the policy alone
                decides.

        Raises:
            IntegrityError: The journal contradicts the plan.
            NotEnoughSpaceError: The disk is full; what was recorded stays.
        """
        inputs = self.inputs
        result = ask([self._source], inputs, folder, stages, curtail=self._curtail)
        if self.baseline is not None and (not accept or self.baseline.suite.sha256 == self.suite.sha256):
            confidence = self.policy.confidence
            held = hold_against(result, self.baseline, inputs.grader, inputs.labels, confidence=confidence)
            result = result.model_copy(update={"baseline": held.baseline}) if accept else held
        write_reports(result, folder)
        return result

    def spot(
        self,
        folder: Path,
        stages: Stages,
        *,
        seconds: float | None,
        prompt: Prompt | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> Result:
        """Ask one question, or as many of the suite's as fit into some seconds.

        Fewer prompts than the policy asks for can fail a model and never pass it. ``tell`` gets the reply to
        the one question piece by piece, from engines of this machine.
        """
        policy = self.policy
        least = policy.prompts or len(policy.prompt_ids or ()) or self.suite.prompts
        inputs = self.inputs if prompt is None else self._asking_only([prompt])
        return ask(
            [self._source],
            inputs,
            folder,
            stages,
            curtail=self._curtail,
            seconds=seconds,
            least=least,
            tell=tell,
        )

    def ask_own(self, prompts: Sequence[Prompt], folder: Path, stages: Stages) -> Result:
        """Ask these prompts instead of the suite's, every one of them."""
        return ask([self._source], self._asking_only(prompts), folder, stages)

    def _asking_only(self, prompts: Sequence[Prompt]) -> Inputs:
        if self._recorded:
            raise UsageError(
                f"{self._spec!r} holds recorded replies, which answer no new prompt:"
                " name a GGUF or a checkpoint"
            )
        inputs = self.inputs
        scenarios = {prompt.scenario for prompt in prompts}
        inputs.grader.rubrics.require(scenarios)
        veto = tuple(scenario for scenario in self.policy.veto if scenario in scenarios)
        return replace(
            inputs,
            policy=self.policy.model_copy(update={"prompts": None, "prompt_ids": None, "veto": veto}),
            suite=Suite(name="own", prompts=tuple(prompts)),
            prompts_path=None,
            rubrics_path=None,
        )

    def prompt(self, text: str, scenario: Scenario | None, *, name: str) -> Prompt:
        """Find a question in the suite by its text, or make a prompt of it.

        Raises:
            UsageError: Its scenario was not given and cannot be told.
        """
        known = next((prompt for prompt in self.inputs.suite.prompts if prompt.text == text), None)
        if known is not None and scenario in {None, known.scenario}:
            return known
        scenario = scenario or infer_scenario(text)
        if scenario is None:
            raise UsageError(
                f"cannot tell the scenario of {text[:60]!r}: name it (--scenario, or scenario= in a marker)"
            )
        return Prompt(id=name, scenario=scenario, text=text)

    def graded_baseline(self) -> Result | None:
        """Return the baseline, its replies graded by the grader at hand."""
        old, inputs = self.baseline, self.inputs
        if old is None or old.grader.version == inputs.info.version:
            return old
        models = tuple(regrade(model, inputs.grader, inputs.labels) for model in old.models)
        return old.model_copy(update={"models": models})


def one_model_json(result: Result) -> dict[str, object]:
    """Return a result as JSON, the facts of its one model in front."""
    whole = result.model_dump(mode="json")
    return {**whole["models"][0], **whole}
