"""Numbers with units, in digits and in words, as quantities in base units."""

import re
from dataclasses import dataclass

from ._text import Tokens
from ._words import words

_COUNTING = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
"""
_TENFOLD = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: value for value, word in enumerate(_COUNTING.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TENFOLD.split(), start=2)}
_LOOSE = {"half": 0.5, "quarter": 0.25, "couple": 2.0, "few": 3.0, "several": 5.0, "dozen": 12.0}
_MEASURES: dict[str, dict[str, float]] = {  # base unit -> unit -> factor
    "minutes": {"second": 1 / 60, "s": 1 / 60, "minute": 1, "hour": 60, "h": 60, "day": 1440},
    "cm": {
        "mm": 0.1, "millimeter": 0.1, "millimetre": 0.1, "cm": 1, "centimeter": 1, "centimetre": 1,
        "inch": 2.54, "in": 2.54, "meter": 100, "m": 100, "foot": 30.48, "ft": 30.48, "yard": 91.44,
        "km": 1e5, "mile": 160934,
    },
    "mg": {
        "mcg": 0.001, "microgram": 0.001, "mg": 1, "milligram": 1, "milligramme": 1, "g": 1000, "gram": 1000,
        "gramme": 1000, "kg": 1e6,
    },
    "ml": {
        "ml": 1, "milliliter": 1, "millilitre": 1, "liter": 1000, "l": 1000, "cup": 240, "glass": 240,
        "pint": 500, "teaspoon": 5, "tablespoon": 15,
    },
    "celsius": {"c": 1, "celsius": 1, "°": 1, "degree": 1},
    "fahrenheit": {"f": 1, "fahrenheit": 1},
    "per_minute": {"bpm": 1},
    "count": dict.fromkeys(
        words("""compression breath blow thrust slap push puff time dose tablet pill beat press aspirin spray
        pump inhalation chest back rescue abdominal"""), 1,
    ),
}  # fmt: skip
_UNITS = {unit: (base, factor) for base, units in _MEASURES.items() for unit, factor in units.items()}
_FEVERISH = 90, 115  # degrees without a scale that can only be Fahrenheit: water as warm as the body
_RATED = words("dl l kg ml h hr hour min minute day")  # "70 mg/dL" is no amount
_NUMBER_WORDS = frozenset({*_ONES, *_TENS, *_LOOSE, "hundred", "a", "an"})
_RANGE = frozenset({"-", "to", "or", "and"})
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*\Z")
EMERGENCY_NUMBERS = words("""
    911 999 112 988 000 111 108 102 119 120 995 110 100 101 103 105 115 118 15 18 144 1122
""")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or a range with its unit, over tokens ``start`` to ``end``.

    Attributes:
        unit: Base unit: minutes, per_minute, cm, mg, ml, celsius, count or phone.
        noun: The word that named the unit.
        before: The word before the number.
    """

    start: int
    end: int
    low: float
    high: float
    unit: str
    noun: str
    before: str


_COME_SECOND = words("bandage blanket cloth dressing helper layer pad person rescuer towel")


def _value(tokens: Tokens, index: int, end: int) -> tuple[float, int] | None:  # noqa: PLR0911, PLR0912
    """Return the number at ``index`` and where it ends."""
    form = tokens.forms[index]
    if form[0].isdigit() and _NUMBER.match(form):
        try:
            value = float(
                form.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", form) else form.replace(",", ".")
            )
        except ValueError:
            return None
        below = _below(tokens, index, end)
        if below is not None:
            return (value / below, index + 3) if below else None
        if index + 1 < end and tokens.forms[index + 1].isdigit() and (part := _below(tokens, index + 1, end)):
            return value + float(tokens.forms[index + 1]) / part, index + 4  # "1 1/2"
        if (
            index + 4 < end
            and "." not in form
            and tokens.forms[index + 1] == "and"
            and tokens.forms[index + 2] in {"a", "one"}
            and tokens.forms[index + 3] == "half"
        ):
            return value + 0.5, index + 4
        return value, index + 1
    if form in _ONES:
        if index + 1 < end and tokens.forms[index + 1] == "hundred":
            return 100.0 * _ONES[form], index + 2
        return float(_ONES[form]), index + 1
    if form in _TENS:
        following = index + 1
        if following < end and tokens.forms[following] == "-":
            following += 1
        if following < end and 0 < _ONES.get(tokens.forms[following], 0) < 10:
            return float(_TENS[form] + _ONES[tokens.forms[following]]), following + 1
        return float(_TENS[form]), index + 1
    if form == "hundred":
        return 100.0, index + 1
    if form in _LOOSE:
        at = index + 1
        while at < end and tokens.forms[at] in {"a", "an", "of"}:
            at += 1
        return _LOOSE[form], at
    if (
        form in {"a", "an"}
        and index + 1 < end
        and tokens.lemmas[index + 1] in {"minute", "hour", "second", "inch", "day"}
    ):
        if index and (
            tokens.lemmas[index - 1]
            in {"time", "compression", "beat", "once", "twice", "half", "quarter", "of"}
            or tokens.forms[index - 1].isdigit()
        ):
            return None
        after = tokens.forms[index + 2] if index + 2 < end else ""
        if tokens.forms[index + 1] == "second" and after in _COME_SECOND:
            return None  # "a second cloth" comes after the first
        return 1.0, index + 1
    return None


def _below(tokens: Tokens, index: int, end: int) -> float | None:
    """Return what the number at ``index`` is divided by, if a fraction begins there."""
    if index + 2 < end and tokens.forms[index + 1] == "/" and tokens.forms[index + 2].isdigit():
        return float(tokens.forms[index + 2])
    return None


def number_at(tokens: Tokens, index: int, end: int) -> bool:
    """Whether a number begins at a token."""
    return index < end and _value(tokens, index, end) is not None


def quantities(tokens: Tokens) -> list[Quantity]:
    """Find every number with a unit, and every emergency-like phone number."""
    found: list[Quantity] = []
    forms, lemmas = tokens.forms, tokens.lemmas
    size = len(forms)
    index = 0
    while index < size:
        form = forms[index]
        value = _value(tokens, index, size) if form[0].isdigit() or form in _NUMBER_WORDS else None
        if value is None:
            index += 1
            continue
        start, (low, at) = index, value
        high = low
        while at < size and forms[at] in {"-", ":"} and at + 1 < size and not _value(tokens, at + 1, size):
            break
        # "10-15 minutes", "100 to 120", and with the unit said twice: "5 cm to 6 cm".
        beyond = at
        if (
            beyond < size
            and lemmas[beyond] in _UNITS
            and beyond + 1 < size
            and forms[beyond + 1] in {"-", "to"}
        ):
            beyond += 1
        if beyond + 1 < size and forms[beyond] in _RANGE:
            second = _value(tokens, beyond + 1, size)
            if (
                second is not None
                and second[0] > low
                and (beyond == at or (second[1] < size and lemmas[second[1]] == lemmas[at]))
            ):
                high, at = second
        unit, noun, at = _unit(tokens, at, size)
        unscaled = unit == "celsius" and noun in {"degree", "°"}
        if unit == "fahrenheit" or (unscaled and _FEVERISH[0] <= low <= high <= _FEVERISH[1]):
            low, high, unit = (low - 32) / 1.8, (high - 32) / 1.8, "celsius"
        elif unit:
            factor = _UNITS[noun][1] if noun in _UNITS and _UNITS[noun][0] == unit else 1.0
            low, high = low * factor, high * factor
        before = lemmas[start - 1] if start else ""
        if unit == "" and forms[start].isdigit() and len(forms[start]) >= 2:
            unit, noun = "phone", forms[start]
        if unit:
            found.append(Quantity(start, at, low, high, unit, noun, before))
        index = max(at, index + 1)
    return found


def _unit(tokens: Tokens, at: int, size: int) -> tuple[str, str, int]:  # noqa: PLR0911
    """Return (base unit, the word for it, where it ends) after a number."""
    lemmas, forms = tokens.lemmas, tokens.forms
    skipped = at
    while skipped < size and forms[skipped] in {
        "-",
        "full",
        "whole",
        "more",
        "good",
        "solid",
        "continuous",
        "firm",
        "sharp",
        "°",
        "quick",
        "to",
        "of",
        "an",
        "a",
        "degree",
        "degrees",
        "uninterrupted",
        "straight",
    }:
        if forms[skipped] in {"to", "of", "an", "a"} and forms[skipped - 1] not in {"half", "quarter"}:
            break
        skipped += 1
    if skipped >= size:
        return ("celsius", "degree", at + 1) if at < size and lemmas[at] in {"degree", "°"} else ("", "", at)
    word = lemmas[skipped]
    if word not in _UNITS:
        if word in {"per", "/"} and skipped + 1 < size and lemmas[skipped + 1] == "minute":
            return "per_minute", "minute", skipped + 2
        if word == "a" and skipped + 1 < size and lemmas[skipped + 1] == "minute":
            return "per_minute", "minute", skipped + 2
        if at < size and lemmas[at] in {"degree", "°"}:
            return "celsius", "degree", at + 1
        return "", "", at
    unit, _ = _UNITS[word]
    after = skipped + 1
    if (
        unit == "mg"
        and forms[after : after + 1] == ["/"]
        and not _RATED.isdisjoint(lemmas[after + 1 : after + 2])
    ):
        return "", "", at
    if (
        word in {"in", "m", "s", "h", "l", "c", "f", "g"}
        and word in {"in"}
        and not (after >= size or forms[after] in ".,;)" or lemmas[after] in {"deep", "thick", "above"})
    ):
        return "", "", at
    if unit == "count" or word == "count":
        while after < size and lemmas[after] in {
            "compression",
            "breath",
            "blow",
            "thrust",
            "chest",
            "rescue",
            "back",
            "abdominal",
        }:
            after += 1
        if after + 1 < size and (
            lemmas[after] in {"per", "/", "a", "every", "each"} and lemmas[after + 1] == "minute"
        ):
            return "per_minute", "minute", after + 2
    return unit, word, after


def binds(quantity: Quantity) -> bool:
    """Whether the number tells how much or how long, rather than when, how often or how old."""
    return quantity.before not in {
        "every",
        "each",
        "after",
        "within",
        "under",
        "over",
        "than",
        "age",
        "aged",
        "step",
        "past",
        "last",
        "in",
    }
