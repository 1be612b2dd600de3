"""Whether a word that looks like a deed is one: "the burned baby", "a tap" and "the water runs" are none."""

from collections.abc import Iterable

from ._text import Tokens
from ._words import ADVERBS, DETERMINERS, TREATERS, VERBS, words

# Words that are verbs or describe a thing ("a wet cloth", "the open mouth").
_QUALITIES = words("clean clear cold cool dirty dry hot level light open steady warm wet")
# Verbs of which the bare form after an article is a thing, not the act itself ("a rub" is an act).
_THINGS = words("hand light pack place plug seat speed stick tap tip")
_PARTICIPLES = words("""
    bitten broken bound burnt cut frozen held hurt hidden hung shaken shut split stuck stung swollen torn worn
    woken
""")
_FLUIDS = words("blood fluid liquid rinse saliva shower stream tap tear urine vomit water")
_FLOWS = words("come drain drip drop flow go pour run spread")
_FORCES = words("air breeze draught gravity heat movement nature oxygen time venom wind")
_OUTCOMES = words("will would can could may might")
_BETWEEN = words("that which can will")
_BEFORE_QUALITIES = words("in into of through under using with")
_AFTER_PARTICIPLES = words("""
    and as at before by during for from in into on onto or out over round so that to under until up with
""")
_IDIOMS = frozenset(
    tuple(idiom.split()) for idiom in ("put it down to", "put this down to", "keep an eye", "get it from")
)
_ENDS = frozenset(".!?;:")
_CAUSED = words("get result arise occur happen stem suffer die develop")
_DUTIES = words("be can have may must need should to will would") | ADVERBS
_ARTICLES = DETERMINERS - words("all another both such that this") | words("no one")
_COMPOUNDS = words("cold cool gel heat hot ice snow")  # "an ice pack", "a cold compress"
_PLAIN_NOUNS = words("him her them it me us yourself")


def names_deeds(alternatives: Iterable[str]) -> bool:
    """Whether a slot holds verbs; one such as ``wet|damp`` means the quality itself."""
    return any(word in VERBS - _QUALITIES for word in alternatives)


def is_deed(tokens: Tokens, start: int, at: int, end: int) -> bool:
    """Whether the token ``at`` of a clause from ``start`` to ``end`` can be what somebody does.

    Words that are no verbs at all may be: a pattern can name its deed by a noun.
    """
    lemma, form = tokens.lemmas[at], tokens.forms[at]
    following = tokens.forms[at + 1] if at + 1 < end else ""
    if lemma not in VERBS and lemma not in _QUALITIES:
        return True
    if _happens(tokens, start, at) or _is_cause(tokens, start, at) or _is_for_experts(tokens, start, at):
        return False
    if form == "running" and following in _FLUIDS:
        return False
    if lemma == "give" and following == "up":
        return at + 2 < end and (tokens.forms[at + 2] == "to" or tokens.forms[at + 2][0].isdigit())
    if not _IDIOMS.isdisjoint(
        ((lemma, *tokens.forms[at + 1 : at + 3]), (lemma, *tokens.forms[at + 1 : at + 4]))
    ):
        return False
    return not _describes(tokens, start, at, following) and not _is_thing(tokens, start, at)


def _happens(tokens: Tokens, start: int, at: int) -> bool:
    """Whether it comes about by itself: "the water runs", "any breeze will fan the flames"."""
    subject = _subject(tokens, start, at)
    if tokens.lemmas[at] in _FLOWS and subject in _FLUIDS:
        return True
    return at > start and tokens.forms[at - 1] in _OUTCOMES and subject in _FORCES


def _is_cause(tokens: Tokens, start: int, at: int) -> bool:
    """Whether it is what something comes from: "babies can get it from sleeping there"."""
    named = tokens.forms[at].endswith("ing") and at > start and tokens.forms[at - 1] == "from"
    return named and not _CAUSED.isdisjoint(tokens.lemmas[start : at - 1])


def _is_for_experts(tokens: Tokens, start: int, at: int) -> bool:
    """Whether professionals do it themselves: "a doctor has to scrub it off"."""
    words_before = [word for word in tokens.lemmas[start:at] if word not in DETERMINERS]
    if words_before and words_before[0] in TREATERS and set(words_before[1:]) <= _DUTIES:
        return True
    form = tokens.forms[at]
    if form == tokens.lemmas[at] or not form.endswith("s"):
        return False
    begins = at  # "the nurse sits him up and gives him water"
    while begins > 0 and tokens.forms[begins - 1] not in _ENDS:
        begins -= 1
    subject = next((word for word in tokens.lemmas[begins:at] if word not in DETERMINERS), "")
    return subject in TREATERS


def _subject(tokens: Tokens, start: int, at: int) -> str:
    """The word before a verb, adverbs and "that" skipped."""
    at -= 1
    while at > start and (tokens.lemmas[at] in ADVERBS or tokens.forms[at] in _BETWEEN):
        at -= 1
    return tokens.lemmas[at] if at >= start else ""


def _describes(tokens: Tokens, start: int, at: int, following: str) -> bool:
    """Whether the word is an adjective or a participle before its noun."""
    form, lemma = tokens.forms[at], tokens.lemmas[at]
    participle = form != lemma and (form.endswith("ed") or form in _PARTICIPLES)
    if not (participle or (lemma in _QUALITIES and form == lemma)):
        return False
    if not following[:1].isalpha() and following not in {",", "-"}:
        return False
    if following in _AFTER_PARTICIPLES or following in DETERMINERS or following in _PLAIN_NOUNS:
        return False
    return _after_article(tokens, start, at) or (
        lemma in _QUALITIES and at > start and tokens.forms[at - 1] in _BEFORE_QUALITIES
    )


def _is_thing(tokens: Tokens, start: int, at: int) -> bool:
    if tokens.lemmas[at] not in _THINGS or tokens.forms[at].endswith(("ed", "ing")):
        return False
    compound = at > start and tokens.lemmas[at - 1] in _COMPOUNDS
    return compound or _after_article(tokens, start, at)


def _after_article(tokens: Tokens, start: int, at: int) -> bool:
    """Whether an article stands before the word, describing words between them skipped."""
    at -= 1
    while at > start and (
        tokens.forms[at] in _PARTICIPLES
        or tokens.lemmas[at] in _QUALITIES
        or tokens.forms[at] == ","
        or tokens.forms[at].endswith("ed")
        or tokens.forms[at] in {"small", "soft", "thick", "good", "firm", "gentle"}
    ):
        at -= 1
    return at >= start and tokens.forms[at] in _ARTICLES
