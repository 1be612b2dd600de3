"""Sources and a suite -> what is asked of each model: the plan that the journal is held against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quant_triage.data import UsageError, sha256_text
from quant_triage.prompts import Prompt, Suite

from ._policy import Policy
from ._records import Request
from ._spool import View
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

    suite: Suite
    requests: dict[str, Sequence[Request]]
    seed: int = 0

    @property
    def keys(self) -> Iterator[str]:
        """Keys of all planned replies."""
        return (request.key for requests in self.requests.values() for request in requests)


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
    recorded: list[tuple[Source, int]] = []
    questions: dict[tuple[str, int], Question] = {}
    for source in sources:
        if (asked := source.asked()) is None:
            continue
        own = 0
        for one in asked:
            own += 1
            if (one.prompt, one.sample) not in questions:
                prompt = known.setdefault(one.prompt, _as_prompt(one, known))
                questions[prompt.text, one.sample] = Question(prompt, one.sample)
        recorded.append((source, own))
    for source, own in recorded:
        if own < len(questions):
            held = {(one.prompt, one.sample) for one in source.asked() or ()}
            text, sample = min(questions.keys() - held)
            raise UsageError(
                f"{source.card.name!r} holds no reply to {text[:60]!r}, sample {sample},"
                " which another level has"
            )
    return list(questions.values())


def asking_order(requests: Sequence[Request], seed: int) -> Sequence[Request]:
    """Shuffle prompts, the same way for the same seed, whichever of them are left; samples of one together.

    In this order the prompts so far are at any moment a random sample of all. Every run asks in it, whether
    it may stop early or not: with several slots a text depends on its neighbours, and a model that is
    stopped must have said what it would have said in full.
    """

    def rank(place: int) -> tuple[bytes, int]:
        one = requests[place]
        return bytes.fromhex(sha256_text(str(seed), one.prompt)), one.sample

    return View(sorted(range(len(requests)), key=rank), requests.__getitem__)


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
