"""How people ask: openers, questions, changed persons, slips. All choices come from the caller's Random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from ._lists import groups, lists, words

OPENERS = words("phrasing", "openers")
CLOSERS = words("phrasing", "closers")
ASKS = words("phrasing", "asks")
NAME_ASKS = words("phrasing", "name_asks")
_LEADS = words("phrasing", "leads")
_WHO = words("phrasing", "who")
_DOES: dict[str, list[str]] = lists("phrasing")["does"]
_SYLLABLES = words("phrasing", "syllables")
_PEOPLE = groups("phrasing", "people")
_SLIPS = groups("phrasing", "slips")
_KEPT = frozenset(lists("unclear")["kept"].split())
_SWAPS = {person: group for group in _PEOPLE for person in group}
_PERSON = re.compile(r"\b(" + "|".join(sorted(map(re.escape, _SWAPS), key=len, reverse=True)) + r")\b")


def pseudo_name(rng: Random) -> str:
    """A made-up name: teaches the model that unknown words in a question can be passed over."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3))).capitalize()


def change_person(text: str, rng: Random) -> str:
    """Swap the first person named for another of the same age and sex, sometimes with a name."""
    match = _PERSON.search(text)
    if match is None:
        return text
    person = rng.choice(_SWAPS[match[0]])
    if rng.random() < 0.12:
        person = f"{person} {pseudo_name(rng)}"
    return text[: match.start()] + person + text[match.end() :]


def ask(rng: Random) -> str:
    """One open question about what to do."""
    if rng.random() < 0.55:
        return rng.choice(ASKS)
    lead = rng.choice(_LEADS)
    return f"{lead} {rng.choice(_WHO)} {rng.choice(_DOES[lead.split()[0]])}?"


def capital(text: str) -> str:
    """The text with its first letter raised."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """The text with its first letter lowered, but for the word I."""
    return text if text.startswith(("I ", "I'", "CPR", "AED")) else text[:1].lower() + text[1:]


def question(situation: str, rng: Random, *, swap: bool = True) -> str:
    """A user's turn about a situation: what happened, an open question, and what people say around it."""
    told = change_person(situation, rng) if swap and rng.random() < 0.5 else situation
    form = rng.random()
    if form < 0.46:
        text = f"{capital(told)}. {ask(rng)}"
    elif form < 0.58:
        text = f"{capital(told)}, {lower_first(ask(rng))}"
    elif form < 0.70:
        text = f"{ask(rng)} {capital(told)}."
    elif form < 0.82:
        lead = rng.choice(
            ("What should I do if", "What do I do when", "What to do if", "How can I help when", "What if")
        )
        text = f"{lead} {told}?"
    elif form < 0.93:
        text = f"{capital(told)}{rng.choice(('.', '!', ''))}"
    else:
        text = f"{capital(told)}. Please help."
    if rng.random() < 0.25:
        text = f"{rng.choice(OPENERS)} {text}"
    if rng.random() < 0.15:
        text = f"{text} {rng.choice(CLOSERS)}"
    return text


def _typo(word: str, rng: Random) -> str:
    if len(word) < 4:
        return word
    i = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.4:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind < 0.75:
        return word[:i] + word[i + 1 :]
    return word[:i] + word[i] + word[i:]


def roughen(text: str, rng: Random) -> str:
    """Write a user's turn as people in a hurry do: contractions, lower case, lost punctuation, typos."""
    if rng.random() < 0.35:
        return text
    for plain, short in _SLIPS:
        if plain in text and rng.random() < 0.3:
            text = text.replace(plain, short, 1)
    if rng.random() < 0.3:
        text = " ".join(_typo(word, rng) if rng.random() < 0.07 else word for word in text.split(" "))
    if rng.random() < 0.3:
        text = text.lower()
    if rng.random() < 0.25:
        text = text.replace(".", "").replace(",", "")
    if rng.random() < 0.2:
        text = text.rstrip("?.! ")
    if rng.random() < 0.04:
        text = text.upper()
    return text


def blur(text: str, rng: Random) -> str:
    """Lose some words and put unknown ones in, so that no single word decides what a question is about."""
    lost = rng.uniform(0.05, 0.2)
    kept = []
    for word in text.split(" "):
        roll = rng.random()
        if roll < lost:
            continue
        kept.append(pseudo_name(rng).lower() if roll < 1.4 * lost else word)
    return " ".join(kept) or text


def _carries_meaning(word: str) -> bool:
    return word.strip(".,?!").casefold() not in _KEPT


def unrecognisable(text: str, others: Sequence[str], rng: Random) -> str:
    """Replace every word that could tell which emergency it is.

    In their places stand words that nobody knows, or words of ``others``, messages about all sorts of
    emergencies, which together point nowhere.
    """
    pool = [word for other in others for word in other.split(" ") if _carries_meaning(word)]
    known = rng.random() < 0.6
    kept = []
    for word in text.split(" "):
        if not _carries_meaning(word):
            kept.append(word)
        elif known:
            kept.append(rng.choice(pool))
        elif rng.random() < 0.7:
            kept.append(pseudo_name(rng).lower())
    return " ".join(kept) or pseudo_name(rng)
