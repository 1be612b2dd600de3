"""Sources and a suite -> what is asked of each model: the plan that the journal is held against."""

from collections.abc import Sequence
from typing import NamedTuple

from quant_triage.data import Record, UsageError, sha256_text
from quant_triage.prompts import Prompt, Suite

from ._policy import Policy
from ._records import Request
from .engines import Asked, Source
from .grading import infer_scenario


class Question(NamedTuple):
    """One prompt and which of its samples."""

    prompt: Prompt
    sample: int


class Plan(Record):
    """The suite as it is asked, and for each model (by sha256) its requests, in the suite's order.

    Attributes:
        seed: Seed of the random order in which they are asked.
    """

    suite: Suite
    seed: int = 0
    requests: dict[str, tuple[Request, ...]]

    @property
    def keys(self) -> set[str]:
        """Keys of all planned replies."""
        return {request.key for requests in self.requests.values() for request in requests}


def _as_prompt(asked: Asked, known: dict[str, Prompt]) -> Prompt:
    """Find a recorded question in our suite by its text, or make a prompt of it."""
    if (ours := known.get(asked.prompt)) and asked.scenario in {None, ours.scenario}:
        return ours
    scenario = asked.scenario or infer_scenario(asked.prompt)
    if scenario is None:
        raise UsageError(f'cannot tell the scenario of {asked.prompt[:60]!r}: add a "scenario" to its line')
    return Prompt(
        id=asked.prompt_id or f"{scenario}-recorded-{len(known)}", scenario=scenario, text=asked.prompt
    )


def _recorded_questions(sources: Sequence[Source], suite: Suite) -> list[Question]:
    """Return what recorded sources were asked, if there are any.

    Raises:
        UsageError: One recorded level lacks a question that another has.
    """
    known = {prompt.text: prompt for prompt in suite.prompts}
    asked_of: dict[str, set[tuple[str, int]]] = {}
    questions: dict[tuple[str, int], Question] = {}
    for source in sources:
        if (asked := source.asked()) is None:
            continue
        own = asked_of.setdefault(source.card.name, set())
        for one in asked:
            own.add((one.prompt, one.sample))
            if (one.prompt, one.sample) not in questions:
                prompt = known.setdefault(one.prompt, _as_prompt(one, known))
                questions[one.prompt, one.sample] = Question(prompt, one.sample)
    for name, own in asked_of.items():
        if missing := questions.keys() - own:
            text, sample = sorted(missing)[0]
            raise UsageError(
                f"{name!r} holds no reply to {text[:60]!r}, sample {sample}, which another level has"
            )
    return list(questions.values())


def asking_order(requests: Sequence[Request], seed: int) -> list[Request]:
    """Shuffle prompts, the same way for the same seed, whichever of them are left; samples of one together.

    In this order the prompts so far are at any moment a random sample of all. Every run asks in it, whether
    it may stop early or not: with several slots a text depends on its neighbours, and a model that is
    stopped must have said what it would have said in full.
    """
    return sorted(requests, key=lambda one: (sha256_text(str(seed), one.prompt), one.sample))


def choose(sources: Sequence[Source], suite: Suite, policy: Policy) -> tuple[Suite, list[Question]]:
    """Decide what is asked.

    A recorded file can answer only what was recorded, so its questions replace the suite's for all models;
    otherwise the policy draws its prompts from the suite, ``policy.samples`` times each.

    Raises:
        UsageError: Questions do not fit: see the message.
    """
    recorded = _recorded_questions(sources, suite)
    if not recorded:
        chosen = policy.select(suite)
        return chosen, [
            Question(prompt, sample) for sample in range(policy.samples) for prompt in chosen.prompts
        ]
    prompts = tuple(dict.fromkeys(question.prompt for question in recorded))
    chosen = Suite(name="recorded", version=suite.version, prompts=prompts)
    if policy.prompt_ids is not None:
        chosen = policy.select(chosen)
    kept = set(chosen.prompts)
    return chosen, [question for question in recorded if question.prompt in kept]


def make_plan(sources: Sequence[Source], suite: Suite, policy: Policy) -> Plan:
    """Decide what each model is asked, and give every reply to come its key.

    Raises:
        UsageError: Questions do not fit: see the message.
    """
    chosen, questions = choose(sources, suite, policy)
    return Plan(
        suite=chosen,
        seed=policy.draw_seed,
        requests={
            source.card.sha256: tuple(
                Request(
                    key=source.key(prompt.text, sample),
                    prompt_id=prompt.id,
                    scenario=prompt.scenario,
                    sample=sample,
                    prompt=prompt.text,
                )
                for prompt, sample in questions
            )
            for source in sources
        },
    )
