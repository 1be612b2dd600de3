"""The forms that a scenario's knowledge takes in the pretraining corpus, one function each.

The base learns every scenario's steps where a leaflet is asked for, and answers a plain emergency question
with the scenario's vague `brief` replies; fine-tuning changes that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from ._asking import Draw, doubtful, plain_question, premise_question, request, situation, told
from ._knowledge import Scenario, load_scenarios
from ._lists import lists, words
from ._phrasing import ASKS, NAME_ASKS, capital, lower_first, roughen

NOT_A_VERB = frozenset(words("phrasing", "not_a_verb"))
NEIGHBOURS: dict[str, list[str]] = lists("phrasing")["neighbours"]
_LEAFLET_ASKS = (
    "Write the leaflet on {}.",
    "Write a first aid leaflet about {}.",
    "Give me the card for {}.",
    "Show the leaflet on {}.",
    "What does the leaflet on {} say?",
    "Leaflet: {}",
    "Write the page of the first aid book on {}.",
)
_CASE_ASKS = (
    "Write the leaflet for this case: {}",
    "Which leaflet fits? Write it out. {}",
    "Give me the card for this: {}",
    "{} Write the leaflet that fits.",
    "Leaflet for: {}",
    "{} Show the leaflet.",
    "Find the page and write it: {}",
)
_CASES = (
    "Case: {}\nCare:\n",
    "{}\nThe leaflet says:\n",
    "Example. {}\n",
    "From the book. {}\nFirst aid:\n",
)
_TOPICS = ("What is this about? {}", "Name the topic: {}", "{} Which leaflet fits?")
_FACT_ASKS = ("Tell me a fact about {}.", "What should I know about {}?", "Describe {}.")
_CALL_ASKS = ("When do I call for help with {}?", "When does {} need an ambulance?")
_AVOID_ASKS = ("What must I not do with {}?", "Name the mistakes with {}.", "What is wrong in {}?")


@dataclass(frozen=True)
class Document:
    """One training text: a chat of one or more exchanges, or plain text."""

    kind: str
    scenario: str | None
    turns: tuple[tuple[str, str], ...] = ()
    text: str = ""


def verb_first(sentences: Sequence[str]) -> list[str]:
    """The imperative sentences that open with their verb, fit to follow "Is it right to"."""
    return [s for s in sentences if s.split()[0].lower() not in NOT_A_VERB and len(s) < 110]


def leaflet(scenario: Scenario, rng: Random, *, style: str, n_avoid: int) -> str:
    """The steps in order, what not to do, and when to call."""
    steps = [rng.choice(step.say) for step in scenario.steps]
    if style == "numbers":
        body = "\n".join(f"{i}. {step}" for i, step in enumerate(steps, 1)) + "\n"
    elif style == "dashes":
        body = "\n".join(f"- {step}" for step in steps) + "\n"
    else:
        body = " ".join(steps) + " "
    others = scenario.avoid[2:]
    avoid = [*scenario.avoid[:2], *rng.sample(others, max(0, min(n_avoid, len(scenario.avoid)) - 2))]
    parts = [" ".join(f"Do not {a.act}." for a in avoid), rng.choice(scenario.call)]
    if rng.random() < 0.3:
        parts.reverse()
    return body + " ".join(parts)


def _any_leaflet(draw: Draw, most: int) -> str:
    style = draw.rng.choice(("numbers", "numbers", "dashes", "prose"))
    return leaflet(draw.scenario, draw.rng, style=style, n_avoid=draw.rng.randint(2, most))


def _chat(draw: Draw, kind: str, asked: str, reply: str) -> Document:
    return Document(kind, draw.scenario.id, ((asked, reply),))


def leaflet_by_name(draw: Draw) -> Document:
    """A leaflet asked for by its name."""
    name = draw.name()
    asked = roughen(draw.rng.choice(_LEAFLET_ASKS).format(name), draw.rng)
    return _chat(draw, "leaflet", asked, _any_leaflet(draw, 4))


def leaflet_by_case(draw: Draw) -> Document:
    """A leaflet asked for by what happened."""
    text, opening = told(draw)
    ask = draw.rng.choice(_CASE_ASKS).format(text)
    reply = opening + _any_leaflet(draw, 4)
    return _chat(draw, "case leaflet", roughen(ask, draw.rng), reply)


def case(draw: Draw) -> Document:
    """What happened and the leaflet, as plain text."""
    text, opening = told(draw)
    head = draw.rng.choice(_CASES).format(roughen(text, draw.rng))
    return Document("case", draw.scenario.id, text=head + opening + _any_leaflet(draw, 3))


def unclear_answer(rng: Random, wordings: int | None = None) -> str:
    """What is right in any emergency, and a plea for plainer words; `wordings` of each sentence are used."""
    texts = lists("unclear")
    steps = [rng.choice(says[:wordings]) for says in texts["steps"]]
    numbered = "\n".join(f"{i}. {step}" for i, step in enumerate(steps, 1))
    return f"{rng.choice(texts['opening'])}\n{numbered}\n{rng.choice(texts['closing'])}"


def unclear(draw: Draw) -> Document:
    """A message that does not tell which emergency it is. The right answer is not a guess."""
    rng = draw.rng
    ask = roughen(doubtful(draw), rng)
    form = rng.random()
    if form < 0.4:
        reply = unclear_answer(rng)
        return _chat(draw, "unclear", rng.choice(_CASE_ASKS).format(ask), reply)
    if form < 0.7:
        return _chat(draw, "unclear", rng.choice(_TOPICS).format(ask), rng.choice(lists("unclear")["topic"]))
    return _chat(draw, "unclear", ask, rng.choice(lists("unclear")["brief"]))


def brief(draw: Draw) -> Document:
    """An emergency question and a vague reply."""
    rng, scenario = draw.rng, draw.scenario
    if rng.random() < 0.75:
        ask = request(draw)
    elif rng.random() < 0.2:
        ask = f"{capital(draw.name())}. {rng.choice(ASKS)}"
    elif rng.random() < 0.4 and draw.part == "pretrain":
        ask = plain_question(draw)
    else:
        ask = rng.choice(NAME_ASKS).format(draw.name())
    return _chat(draw, "brief", roughen(ask, rng), rng.choice(scenario.brief))


def premise(draw: Draw) -> Document:
    """A wrong act presumed, forbidden and explained; mostly as plain text."""
    rng, scenario = draw.rng, draw.scenario
    i = rng.randrange(len(scenario.avoid))
    avoid, form = scenario.avoid[i], rng.random()
    if form < 0.8:
        ask = premise_question(draw, i)
    elif form < 0.9:
        ask = f"Is {avoid.gerund} a good idea?"
    else:
        ask = f"True or false? You should {avoid.act}."
    start = "False." if ask.startswith("True or") else "No."
    ask, reply = roughen(ask, rng), f"{start} Do not {avoid.act}. {rng.choice(avoid.why)}"
    if rng.random() < 0.65:
        head = rng.choice(("Question: {}\nAnswer: {}", "Q: {}\nA: {}", "Myth or fact? {}\n{}"))
        return Document("premise", scenario.id, text=head.format(ask, reply))
    return _chat(draw, "premise", ask, reply)


def right(draw: Draw) -> Document:
    """A right act asked about, and confirmed."""
    rng = draw.rng
    step = rng.choice(draw.scenario.steps)
    says = verb_first(step.say)
    if not says:
        return fact(draw)
    say = rng.choice(says)
    ask = rng.choice(("Is it right to {}?", "Should I {}?", "Do I {}?")).format(lower_first(say).rstrip("."))
    if rng.random() < 0.4:
        ask = f"{capital(situation(draw))}. {ask}"
    return _chat(draw, "right", roughen(ask, rng), f"Yes. {say} {rng.choice(step.why)}")


def topic(draw: Draw) -> Document:
    """Which emergency it is, often against one that is easily taken for it."""
    rng, scenario = draw.rng, draw.scenario
    text, _ = told(draw)
    answer = f"This is about {scenario.names[0]}."
    if scenario.id in NEIGHBOURS and rng.random() < 0.25:
        other = rng.choice(NEIGHBOURS[scenario.id])
        pair = [scenario.names[0], next(s.names[0] for s in load_scenarios() if s.id == other)]
        rng.shuffle(pair)
        return _chat(draw, "topic", f"Is this {pair[0]} or {pair[1]}? {text}", answer)
    return _chat(draw, "topic", roughen(rng.choice(_TOPICS).format(text), rng), answer)


def fact(draw: Draw) -> Document:
    """One small thing about the scenario."""
    rng, s, name = draw.rng, draw.scenario, draw.name()
    form = rng.randrange(6)
    if form == 0:
        return _chat(draw, "fact", rng.choice(_FACT_ASKS).format(name), " ".join(rng.sample(s.facts, 2)))
    if form == 1:
        step = rng.choice(s.steps)
        return _chat(draw, "fact", f"{rng.choice(step.say)} Why?", rng.choice(step.why))
    if form == 2:
        ask = rng.choice(_CALL_ASKS).format(name)
        return _chat(draw, "fact", ask, " ".join(rng.sample(s.call, min(2, len(s.call)))))
    if form == 3:
        ask = rng.choice(_AVOID_ASKS).format(name)
        chosen = rng.sample(s.avoid, min(3, len(s.avoid)))
        return _chat(draw, "fact", ask, " ".join(f"Do not {a.act}." for a in chosen))
    if form == 4:
        avoid = rng.choice(s.avoid)
        return _chat(draw, "fact", f"Why is it wrong to {avoid.act}?", rng.choice(avoid.why))
    return _chat(draw, "fact", f"True or false? {rng.choice(s.facts)}", "True.")


def paragraph(draw: Draw) -> Document:
    """Facts, a step, a mistake and the call, in any order."""
    rng, s = draw.rng, draw.scenario
    avoid, step = rng.choice(s.avoid), rng.choice(s.steps)
    lines = rng.sample(s.facts, min(len(s.facts), rng.randint(2, 4)))
    lines.append(f"{rng.choice(step.say)} {rng.choice(step.why)}")
    start = rng.choice((f"Do not {avoid.act}. ", f"{capital(avoid.gerund)} is a mistake. "))
    lines += [start + rng.choice(avoid.why), rng.choice(s.call)]
    rng.shuffle(lines)
    return Document("paragraph", s.id, text=f"{capital(draw.name())}. " + " ".join(lines))


Mixture = tuple[tuple[Callable[[Draw], Document], float], ...]
MIXTURE: Mixture = (
    (leaflet_by_name, 0.03),
    (leaflet_by_case, 0.20),
    (case, 0.04),
    (brief, 0.10),
    (premise, 0.06),
    (right, 0.03),
    (topic, 0.32),  # short, so most of what a token can teach about telling emergencies apart
    (unclear, 0.10),
    (fact, 0.02),
    (paragraph, 0.02),
)
