"""One engine for a session: asked once, whichever process of it comes first."""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import pytest
from filelock import FileLock

from quant_triage.data import SCENARIOS, QuantTriageError, Scenario
from quant_triage.harness import ReplyResult, Result
from quant_triage.harness.cli import Asking, Gating, Stages, err
from quant_triage.prompts import Prompt
from quant_triage.reports import read_result, write_result

MARKER = "safety"
_ALONE = "alone"
_WORST = ("unscored", "dangerous", "incoherent", "caution", "safe")


def open_safety(config: pytest.Config) -> "Safety":
    """Read everything that the options name.

    Raises:
        pytest.UsageError: Bad input; one clear line.
    """
    try:
        return Safety(config)
    except QuantTriageError as error:
        raise pytest.UsageError(" ".join(str(error).split())) from error


Maker = Callable[[Stages], Result]


class Safety:
    """What a session judges, and the one place where its model is asked.

    Under xdist every worker has one of these. The first that needs a result makes it, behind a lock; the
    others wait and read it from a file that bears the session's id.
    """

    def __init__(self, config: pytest.Config):
        def path(name: str) -> Path | None:
            value = config.getoption(f"--safety-{name}")
            return None if value is None else Path(value)

        def number(name: str, default: int) -> int:
            value = config.getoption(f"--safety-{name}")
            if value is None:
                return default
            if not str(value).isdigit():
                raise pytest.UsageError(f"--safety-{name} {value!r} is no whole number")
            return int(value)

        self.model = str(config.getoption("--safety-model"))
        self.asking = Asking(
            policy=config.getoption("--safety-policy") or "screen",
            prompts=path("prompts"),
            rubrics=path("rubrics"),
            labels=path("labels"),
            max_tokens=max(1, number("max-tokens", 512)),
            slots=max(1, number("slots", 16)),
            threads=number("threads", 0),
        )
        self._config = config
        worker = getattr(config, "workerinput", None)
        self.gating = Gating(
            self.model,
            self.asking,
            level=config.getoption("--safety-level"),
            baseline=path("baseline"),
            quiet=worker is not None,
        )
        self._shared = worker is not None
        self._session = worker["testrunuid"] if worker else _ALONE
        self.folder = path("out") or _folder(config, self._session) / Path(self.model).stem
        self._own: dict[tuple[str, Scenario | None], ReplyResult] | None = None

    @property
    def header(self) -> str:
        """One line on what is judged."""
        asked = self.gating.suite.prompts
        return f"quant-triage: {self.model}, policy {self.gating.policy.name}, {asked} prompts, {self.folder}"

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios that are asked about."""
        return self.gating.suite.scenarios

    def result(self) -> Result:
        """Ask, grade, judge; once in a session.

        Raises:
            QuantTriageError: The run could not be finished, such as for a full disk.
        """
        return self._result

    @cached_property
    def _result(self) -> Result:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._once("result", lambda stages: self.gating.judge(self.folder, stages))

    def reply(self, node: pytest.Item, items: Sequence[pytest.Item]) -> ReplyResult:
        """The reply to a test's marked prompt."""
        wanted = _marked(node)
        if wanted is None:
            raise pytest.UsageError(
                f"{node.nodeid} wants safety_reply: mark it with @pytest.mark.{MARKER}(prompt)"
            )
        if self._own is None:
            self._own = self._ask_own(items)
        return self._own[wanted]

    def _ask_own(self, items: Sequence[pytest.Item]) -> dict[tuple[str, Scenario | None], ReplyResult]:
        marked = list(dict.fromkeys(one for item in items if (one := _marked(item)) is not None))
        prompts = {
            one: self.gating.prompt(one[0], one[1], name=f"own-{number}")
            for number, one in enumerate(marked, start=1)
        }
        distinct: dict[str, Prompt] = {}
        for prompt in prompts.values():
            known = distinct.setdefault(prompt.text, prompt)
            if known.scenario != prompt.scenario:
                raise pytest.UsageError(
                    f"{prompt.text[:60]!r} is marked as {known.scenario} and as {prompt.scenario}"
                )
        folder = self.folder / "own"
        folder.mkdir(parents=True, exist_ok=True)
        result = self._once(
            "own", lambda stages: self.gating.ask_own(tuple(distinct.values()), folder, stages)
        )
        found: dict[tuple[str, Scenario | None], ReplyResult] = {}
        for one, prompt in prompts.items():
            samples = [reply for reply in result.models[0].replies if reply.prompt == prompt.text]
            if not samples:
                outcome = result.models[0].outcome
                pytest.fail(
                    f"the model gave no reply to {prompt.text[:60]!r}: {outcome.cause or outcome.status}"
                )
            found[one] = min(samples, key=lambda reply: _WORST.index(reply.grade))
        return found

    def _once(self, name: str, make: Maker) -> Result:
        """Make a result, or read it where another process of this session made it."""
        shared = self.folder / f".{name}-{self._session}.json"
        with FileLock(self.folder / ".lock"):
            if self._shared and shared.exists():
                return read_result(shared)
            with self._watched(), Stages(err) as stages:
                result = make(stages)
            if self._shared:
                write_result(shared, result)
        return result

    def _watched(self) -> contextlib.AbstractContextManager[None]:
        """Let progress reach the terminal: a large model takes long, and pytest would hold it back."""
        capture = self._config.pluginmanager.getplugin("capturemanager")
        return contextlib.nullcontext() if capture is None else capture.global_and_fixture_disabled()

    def close(self) -> None:
        """Remove what the session's processes shared; the last word is the controlling process's."""
        if not self._shared:
            for left in self.folder.glob(".*-*.json"):
                left.unlink(missing_ok=True)


def _folder(config: pytest.Config, session: str) -> Path:
    cache = getattr(config, "cache", None)
    if cache is not None:
        with contextlib.suppress(OSError):  # a root folder that may not be written
            return Path(cache.mkdir("quant-triage"))
    if session == _ALONE:
        return Path(tempfile.mkdtemp(prefix="quant-triage-"))
    # Workers of one session must find the same folder; its name is as hard to guess as the session's id.
    return Path(tempfile.gettempdir()) / f"quant-triage-{session}"


def _marked(item: pytest.Item) -> tuple[str, Scenario | None] | None:
    """Return the prompt and scenario of a test's marker.

    Raises:
        pytest.UsageError: The marker is malformed.
    """
    marker = item.get_closest_marker(MARKER)
    if marker is None or not (marker.args or marker.kwargs):
        return None

    def read(prompt: str, scenario: Scenario | None = None) -> tuple[str, Scenario | None]:
        return prompt, scenario

    try:
        prompt, scenario = read(*marker.args, **marker.kwargs)
    except TypeError as error:
        raise pytest.UsageError(
            f"{item.nodeid}: @pytest.mark.{MARKER}(prompt, scenario=None): {error}"
        ) from error
    if not isinstance(prompt, str) or not prompt.strip():
        raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.{MARKER} asks {prompt!r}, which is no question")
    if scenario is not None and scenario not in SCENARIOS:
        raise pytest.UsageError(
            f"{item.nodeid}: unknown scenario {scenario!r}: choose one of {', '.join(SCENARIOS)}"
        )
    return prompt, scenario
