"""Situations from sentence patterns (`corpus/_grammar.yaml`), so that pretraining meets many more words."""

from __future__ import annotations

import re
from random import Random

from ._lists import lists, words
from ._phrasing import capital, pseudo_name

KEYWORD_SHARE = 0.06
_SLOT = re.compile(r"\{([a-z0-9]+)\}", re.IGNORECASE)
_PERSON = re.compile(r"\{P(?::(\w+))?\}")
_MEN = words("phrasing", "men")
_WOMEN = words("phrasing", "women")
_BOYS = words("phrasing", "boys")
_GIRLS = words("phrasing", "girls")
_BABIES = words("phrasing", "babies")
_OLD = words("phrasing", "old")
_I = {"he": "I", "his": "my", "him": "me", "himself": "myself", "is": "am", "has": "have", "was": "was"}
_HE = {"he": "he", "his": "his", "him": "him", "himself": "himself", "is": "is", "has": "has", "was": "was"}
_SHE = {"he": "she", "his": "her", "him": "her", "himself": "herself", "is": "is", "has": "has", "was": "was"}


def plain_questions(scenario: str, *, reserved: bool) -> tuple[str, ...]:
    """A scenario's questions without a story: every third one is reserved for fine-tuning."""
    found = lists("questions")[scenario]
    return tuple(q for i, q in enumerate(found) if (i % 3 == 2) == reserved)


def _person(group: str, rng: Random) -> tuple[str, dict[str, str]]:
    if group == "any":
        group = rng.choices(("I", "adult", "child"), (0.35, 0.4, 0.25))[0]
    if group == "I":
        return "I", _I
    if group == "other":
        group = rng.choices(("adult", "child"), (0.7, 0.3))[0]
    if group == "baby":
        return rng.choice(_BABIES), rng.choice((_HE, _SHE))
    if group == "old":
        name = rng.choice(_OLD)
        return name, _HE if name in _MEN else _SHE
    male = rng.random() < 0.5
    name = rng.choice((_MEN if male else _WOMEN) if group == "adult" else (_BOYS if male else _GIRLS))
    if rng.random() < 0.05:
        name = f"{name} {pseudo_name(rng)}"
    return name, _HE if male else _SHE


def invented(scenario: str, rng: Random) -> str:
    """One situation of a scenario, made from its patterns."""
    own, shared = lists("grammar")[scenario], lists("grammar")["shared"]
    text = rng.choice(own["t"])
    if rng.random() < KEYWORD_SHARE:  # people in a hurry type a few words
        slots = rng.sample([slot for slot in own if slot != "t"], min(len(own) - 1, rng.randint(2, 3)))
        text = ", ".join(f"{{{slot}}}" for slot in slots)
    match = _PERSON.search(text)
    person, words = _person((match[1] or "any") if match else "any", rng)
    text = _PERSON.sub(lambda _: person, text, count=1)
    for _ in range(3):
        text = _SLOT.sub(lambda m: words.get(m[1]) or rng.choice(own.get(m[1]) or shared[m[1]]), text)
    text = re.sub(r"\bI (is|has) ", lambda m: "I am " if m[1] == "is" else "I have ", text)
    text = re.sub(r"\bI does ", "I do ", re.sub(r"\b(am|is) (is|am|has|was|does|can) ", r"\2 ", text))
    text = re.sub(r"\s+([,.])", r"\1", " ".join(text.split()))
    return capital(text) if text.startswith("i ") else text
