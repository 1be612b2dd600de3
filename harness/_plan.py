"""Sources and a suite -> what is asked of each model: the plan that the journal is held against."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quant_triage.data import UsageError, sha256_text
from quant_triage.prompts import Prompt, Suite, prompts_sha256

from ._places import Places
from ._policy import Policy
from ._records import Request
from ._result import SuiteInfo
from ._spool import Spool, View
from .engines import Asked, Source
from .grading import infer_scenario


class Question(NamedTuple):
    """One prompt and which of its samples."""

    prompt: Prompt
    sample: int


@dataclass(frozen=True)
class Plan:
    """The suite as it is asked, and for each model (by sha256) its requests, in the suite's order.

    Attributes:
        requests: Made when they are looked at: models share the prompts, and no key is kept.
        seed: Seed of the random order in which they are asked.
    """

    suite: SuiteInfo
    requests: dict[str, Sequence[Request]]
    seed: int = 0

    @property
    def keys(self) -> Iterator[str]:
        """Keys of all planned replies."""
        return (request.key for requests in self.requests.values() for request in requests)


def _as_prompt(asked: Asked, number: int) -> Prompt:
    """Make a prompt of a recorded question that is not in our suite."""
    scenario = asked.scenario or infer_scenario(asked.prompt)
    if scenario is None:
        raise UsageError(f'cannot tell the scenario of {asked.prompt[:60]!r}: add a "scenario" to its line')
    return Prompt(id=asked.prompt_id or f"{scenario}-recorded-{number}", scenario=scenario, text=asked.prompt)


class _Recorded:
    """What recorded sources were asked, as it first occurs: prompts in a file, two numbers a question."""

    def __init__(self, suite: Suite):
        self.prompts: Spool[Prompt] = Spool(Prompt)
        self._ours = {prompt.text: prompt for prompt in suite.prompts}
        self._new = len(suite.prompts)
        self._places, self._ids, self._asked = Places(), Places(), Places()
        self._numbers, self._samples = array("L"), array("L")

    @property
    def questions(self) -> Sequence[Question]:
        """Each prompt with each of its samples, once."""
        prompts, numbers, samples = self.prompts, self._numbers, self._samples
        return View(range(len(numbers)), lambda place: Question(prompts[numbers[place]], samples[place]))

    def take(self, asked: Iterable[Asked]) -> int:
        """Take in the questions of one source, those that are not there yet; return how many it has.

        Raises:
            UsageError: A scenario cannot be told, or two prompts have one id.
        """
        given = 0
        for one in asked:
            self._add(one)
            given += 1
        return given

    def _add(self, asked: Asked) -> None:
        if not self._asked.add(f"{asked.sample} {asked.prompt}", len(self._numbers)):
            return
        if self._places.add(asked.prompt, len(self.prompts)):
            prompt = self._ours.get(asked.prompt)
            if prompt is None:
                prompt = _as_prompt(asked, self._new)
                self._new += 1
            if not self._ids.add(prompt.id, len(self.prompts)):
                raise UsageError(
                    f"two recorded prompts have the id {prompt.id!r}: give each its own, or none"
                )
            self.prompts.append(prompt)
        self._numbers.append(self._places[asked.prompt])
        self._samples.append(asked.sample)


def _recorded(sources: Sequence[Source], suite: Suite) -> _Recorded:
    """Gather what recorded sources were asked, if there are any.

    Raises:
        UsageError: One recorded level lacks a question that another has.
    """
    recorded = _Recorded(suite)
    held = [(source, recorded.take(asked)) for source in sources if (asked := source.asked()) is not None]
    for source, own in held:
        if own < len(recorded.questions):
            there = {(one.prompt, one.sample) for one in source.asked() or ()}
            text, sample = min({(prompt.text, sample) for prompt, sample in recorded.questions} - there)
            raise UsageError(
                f"{source.card.name!r} holds no reply to {text[:60]!r}, sample {sample},"
                " which another level has"
            )
    return recorded


def asking_order(requests: Sequence[Request], seed: int) -> Sequence[Request]:
    """Shuffle prompts, the same way for the same seed, whichever of them are left; samples of one together.

    In this order the prompts so far are at any moment a random sample of all. Every run asks in it, whether
    it may stop early or not: with several slots a text depends on its neighbours, and a model that is
    stopped must have said what it would have said in full.
    """
    ranks = bytearray()
    for one in requests:
        ranks += bytes.fromhex(sha256_text(str(seed), one.prompt)) + one.sample.to_bytes(4, "big")
    order = np.argsort(np.frombuffer(ranks, "S36"), kind="stable")
    return View(array("q", order.astype(np.int64).tobytes()), requests.__getitem__)


def choose(sources: Sequence[Source], suite: Suite, policy: Policy) -> tuple[SuiteInfo, Sequence[Question]]:
    """Decide what is asked.

    A recorded file can answer only what was recorded, so its questions replace the suite's for all models;
    otherwise the policy draws its prompts from the suite, ``policy.samples`` times each.

    Raises:
        UsageError: Questions do not fit: see the message.
    """
    recorded = _recorded(sources, suite)
    questions = recorded.questions
    if not questions:
        chosen = policy.select(suite)
        return SuiteInfo.of(chosen, policy.samples), [
            Question(prompt, sample) for sample in range(policy.samples) for prompt in chosen.prompts
        ]
    prompts = recorded.prompts
    if policy.prompt_ids is not None:
        chosen = policy.select(Suite(name="recorded", version=suite.version, prompts=tuple(prompts)))
        kept = set(chosen.prompts)
        return SuiteInfo.of(chosen, policy.samples), [one for one in questions if one.prompt in kept]
    info = SuiteInfo(
        name="recorded",
        version=suite.version,
        sha256=prompts_sha256(prompts),
        prompts=len(prompts),
        scenarios=tuple(dict.fromkeys(prompt.scenario for prompt in prompts)),
        samples=policy.samples,
    )
    return info, questions


def make_plan(sources: Sequence[Source], suite: Suite, policy: Policy) -> Plan:
    """Decide what each model is asked, and give every reply to come its key.

    Raises:
        UsageError: Questions do not fit: see the message.
    """
    chosen, questions = choose(sources, suite, policy)

    def of(source: Source) -> Sequence[Request]:
        return View(
            questions,
            lambda question: Request(
                key=source.key(question.prompt.text, question.sample),
                prompt_id=question.prompt.id,
                scenario=question.prompt.scenario,
                sample=question.sample,
                prompt=question.prompt.text,
            ),
        )

    requests = {source.card.sha256: of(source) for source in sources}
    return Plan(suite=chosen, requests=requests, seed=policy.draw_seed)
