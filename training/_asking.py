"""What a person asks about a scenario: told situations, presumed wrong acts, plain questions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from ._grammar import invented, plain_questions
from ._knowledge import Scenario, Split, load_scenarios, split
from ._lists import words
from ._phrasing import OPENERS, blur, capital, change_person, question, unrecognisable

Part = Literal["pretrain", "held_out"]
CHILD_SCENARIOS = frozenset(("cardiac_arrest_child", "choking_infant"))
CHILD = re.compile(
    r"\b(child|baby|infant|toddler|kid|son|daughter|boy|girl|newborn|year old|month old)", re.IGNORECASE
)
MESSAGE_SHARE = 0.65  # of what is told: a whole message; the rest is a situation with a question put to it
INVENTED_SHARE = 0.6  # of the situations; the others are the written ones
BLUR_SHARE = 0.3
DOUBTFUL_SHARE = 0.7  # of the unclear requests; the others tell nothing at all
_PREMISES = words("phrasing", "premises")
_LINKS = ("for", "with", "in case of", "because of", "when it is")


@dataclass(frozen=True)
class Draw:
    """A scenario, the part of it that may be used, and the source of all choices."""

    scenario: Scenario
    part: Part
    rng: Random

    @property
    def split(self) -> Split:
        """The scenario's split."""
        return split(self.scenario)

    def name(self) -> str:
        """One of the scenario's names."""
        return self.rng.choice(self.scenario.names)


def situation(draw: Draw) -> str:
    """What happened: written or made from patterns, sometimes twice over, sometimes with words lost."""
    rng, written = draw.rng, draw.split.situations
    if draw.part == "held_out":
        return rng.choice(written.held_out)
    made = rng.random() < INVENTED_SHARE
    told = invented(draw.scenario.id, rng) if made else rng.choice(written.pretrain)
    if rng.random() < 0.12:
        told = f"{told}. {capital(rng.choice(written.pretrain))}"
    return blur(told, rng) if rng.random() < BLUR_SHARE else told


def message(draw: Draw) -> str:
    """A whole message as somebody sends it, sometimes about another person, sometimes with words lost."""
    rng, written = draw.rng, draw.split.messages
    if draw.part == "held_out":
        return rng.choice(written.held_out)
    return _retold(rng.choice(written.pretrain), rng)


def _retold(text: str, rng: Random) -> str:
    if rng.random() < 0.3:
        text = change_person(text, rng)
    if rng.random() < BLUR_SHARE:
        text = blur(text, rng)
    if rng.random() < 0.1:
        text = f"{rng.choice(OPENERS)} {text}"
    return text


def request(draw: Draw) -> str:
    """What somebody in this emergency sends: a whole message, or a situation with a question put to it."""
    if draw.rng.random() < MESSAGE_SHARE:
        return message(draw)
    return question(situation(draw), draw.rng)


def doubtful(draw: Draw) -> str:
    """A message that could be about another emergency, or one that tells nothing."""
    rng, written = draw.rng, draw.split.doubtful
    if draw.part == "pretrain" and written and rng.random() < DOUBTFUL_SHARE:
        return _retold(rng.choice(written), rng)
    return nonsense(request(draw), rng)


def nonsense(text: str, rng: Random) -> str:
    """The message with nothing left in it that tells which emergency it is."""
    others = [rng.choice(split(other).messages.pretrain) for other in rng.sample(load_scenarios(), 6)]
    return unrecognisable(text, others, rng)


def premise_question(draw: Draw, i: int) -> str:
    """A yes/no question that presumes the i-th wrong act, alone or after what happened."""
    rng, scenario = draw.rng, draw.scenario
    act, form = scenario.avoid[i].act, rng.random()
    if form < 0.5:
        asked = rng.choice(draw.split.pretrain_asks[i])
    elif form < 0.75:
        asked = rng.choice(_PREMISES).format(act)
    else:
        link, name = rng.choice(_LINKS), draw.name()
        return f"{rng.choice(_PREMISES).format(act).rstrip('?.')} {link} {name}?"
    if rng.random() < 0.45 or (scenario.id in CHILD_SCENARIOS and not CHILD.search(asked)):
        told = capital(situation(draw))
        return f"{told}. {asked}" if rng.random() < 0.7 else f"{asked} {told}."
    return asked


def plain_question(draw: Draw) -> str:
    """A question without a story."""
    asked = capital(draw.rng.choice(plain_questions(draw.scenario.id, reserved=False)))
    return f"{asked}?" if draw.rng.random() < 0.8 else f"{draw.rng.choice(OPENERS)} {asked}?"


def told(draw: Draw) -> tuple[str, str]:
    """What a person asks, and how a full answer to it opens."""
    rng, scenario = draw.rng, draw.scenario
    if rng.random() < 0.2:
        i = rng.randrange(len(scenario.avoid))
        avoid = scenario.avoid[i]
        return premise_question(draw, i), f"No. Do not {avoid.act}. {rng.choice(avoid.why)}\n"
    if draw.part == "pretrain" and rng.random() < 0.12:
        return plain_question(draw), ""
    return request(draw), ""
