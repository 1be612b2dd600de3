"""Everyday instruction following: small tasks from templates, each with one right answer or a few."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ._lists import groups, lists, words
from ._phrasing import pseudo_name

KINDS: dict[str, list[str]] = lists("words")["kinds"]
OPPOSITES, COLOURS, CAPITALS = (groups("words", key) for key in ("opposites", "colours", "capitals"))
VERBS, PLURALS, GENERAL = (groups("words", key) for key in ("verbs", "plurals", "general"))
DAYS, MONTHS, NUMBERS, NAMES = (words("words", key) for key in ("days", "months", "numbers", "names"))
SOCIAL: list[dict[str, list[str]]] = lists("words")["social"]
Exchange = tuple[str, str]
_MASS = frozenset(["a drink", "a material", "a kind of weather", "a sport"])


def _article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def _sum(rng: Random) -> Exchange:
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    if rng.random() < 0.5:
        a, b = max(a, b), min(a, b)
        form = rng.choice(("What is {} minus {}?", "Take {1} from {0}.", "{} - {}", "How much is {} - {}?"))
        return form.format(a, b), f"{a} - {b} = {a - b}"
    form = rng.choice(("What is {} plus {}?", "Add {} and {}.", "{} + {}", "How much is {} + {}?"))
    return form.format(a, b), f"{a} + {b} = {a + b}"


def _order(rng: Random) -> Exchange:
    numbers = rng.sample(range(1, 100), rng.randint(3, 5))
    listed = ", ".join(map(str, numbers))
    if rng.random() < 0.3:
        return f"Which is the largest: {listed}?", f"The largest is {max(numbers)}."
    return f"Put these numbers in order: {listed}.", ", ".join(map(str, sorted(numbers)))


def _count(rng: Random) -> Exchange:
    start = rng.randint(1, 12)
    end = start + rng.randint(2, 7)
    return f"Count from {start} to {end}.", ", ".join(str(n) for n in range(start, end + 1))


def _number_word(rng: Random) -> Exchange:
    n = rng.randrange(len(NUMBERS))
    return f"Write {n} as a word.", f"{n} is {NUMBERS[n]}."


def _list(rng: Random) -> Exchange:
    kind = rng.choice(sorted(KINDS))
    n = rng.randint(2, 5)
    words = rng.sample(KINDS[kind], n)
    form = rng.choice(("Give me {} examples of {}.", "List {} examples of {}.", "Name {} words for {}."))
    return form.format(n, kind), "\n".join(f"{i}. {word}" for i, word in enumerate(words, 1))


def _kind(rng: Random) -> Exchange:
    kind = rng.choice(sorted(KINDS))
    word = rng.choice(KINDS[kind])
    noun = word if kind in _MASS or word.endswith("s") else _article(word)
    if rng.random() < 0.5:
        return f"What is {noun}?", f"{noun.capitalize()} is {kind}."
    other = rng.choice(sorted(set(KINDS) - {kind}))
    shown = rng.choice((kind, other))
    if shown == kind:
        return f"Is {noun} {shown}?", f"Yes, {noun} is {shown}."
    if word in KINDS[shown]:
        return f"What is {noun}?", f"{noun.capitalize()} is {kind}."
    return f"Is {noun} {shown}?", f"No, {noun} is {kind}."


def _opposite(rng: Random) -> Exchange:
    pair = rng.choice(OPPOSITES)
    form = rng.choice(("What is the opposite of {}?", "Opposite of {}?", "Give me the opposite of {}."))
    return form.format(pair[0]), f"The opposite of {pair[0]} is {pair[1]}."


def _colour(rng: Random) -> Exchange:
    thing, colour = rng.choice(COLOURS)
    return rng.choice(("What colour is {}?", "Which colour has {}?")).format(
        thing
    ), f"{thing.capitalize()} is {colour}."


def _calendar(rng: Random) -> Exchange:
    words, unit = rng.choice(((DAYS, "day"), (MONTHS, "month")))
    i = rng.randrange(len(words))
    if rng.random() < 0.5:
        after = words[(i + 1) % len(words)]
        return f"Which {unit} comes after {words[i]}?", f"{after} comes after {words[i]}."
    return f"Which {unit} comes before {words[i]}?", f"{words[i - 1]} comes before {words[i]}."


def _capital(rng: Random) -> Exchange:
    country, city = rng.choice(CAPITALS)
    return f"What is the capital of {country}?", f"The capital of {country} is {city}."


def _grammar(rng: Random) -> Exchange:
    if rng.random() < 0.5:
        verb, past = rng.choice(VERBS)
        return f"What is the past of {verb}?", f"The past of {verb} is {past}."
    one, many = rng.choice(PLURALS)
    return f"What is the plural of {one}?", f"The plural of {one} is {many}."


def _rewrite(rng: Random) -> Exchange:
    name, (verb, past) = rng.choice(NAMES), rng.choice(VERBS)
    place = rng.choice(KINDS["a place"])
    sentence = f"{name} {past} near the {place}."
    form = rng.randrange(4)
    if form == 0:
        return f"Write in capital letters: {sentence}", sentence.upper()
    if form == 1:
        return f"Repeat this sentence: {sentence}", sentence
    if form == 2:
        return f"Make a question from this: {sentence}", f"Did {name} {verb} near the {place}?"
    return f"Say the opposite: {sentence}", f"{name} did not {verb} near the {place}."


def _story(rng: Random) -> Exchange:
    name, animal = rng.choice(NAMES), rng.choice(KINDS["an animal"])
    place, other = rng.sample(KINDS["a place"], 2)
    food, thing = rng.choice(KINDS["a fruit"]), rng.choice(KINDS["a piece of clothing"])
    lines = (
        f"{name} had {_article(animal)} that liked to sleep in the {place}.",
        f"One day it ran away with {_article(thing)}.",
        f"{name} looked for it in the {other} and took {_article(food)} along.",
        rng.choice(
            (
                "In the end they went home together.",
                "They were both happy.",
                f"The {animal} came back at night.",
            )
        ),
    )
    ask = rng.choice(
        (
            f"Tell me a story about {_article(animal)}.",
            f"Write a short story about {name}.",
            "Tell me a story.",
        )
    )
    return ask, " ".join(lines)


def _social(rng: Random) -> Exchange:
    talk = rng.choice(SOCIAL)
    text = rng.choice(talk["asks"])
    if rng.random() < 0.15:
        text = f"{text} My name is {pseudo_name(rng)}."
    return text, rng.choice(talk["replies"])


def _general(rng: Random) -> Exchange:
    asked, reply = rng.choice(GENERAL)
    return asked, reply


_TASKS: tuple[Callable[[Random], Exchange], ...] = (
    *(_sum, _sum, _order, _count, _number_word, _list, _list, _kind, _kind, _opposite, _colour, _calendar),
    *(_capital, _grammar, _rewrite, _story, _social, _social, _general, _general),
)


def everyday(rng: Random) -> Exchange:
    """One everyday request and its answer."""
    return rng.choice(_TASKS)(rng)
