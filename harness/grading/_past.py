"""What a text tells of the past: what somebody did, what was once taught, and whether it praises it."""

import re

from ._lemmas import is_base_form, verbs
from ._text import Tokens
from ._words import DETERMINERS, OBJECT_STARTS, PERSON_SUBJECTS, SUBJECTS, VERBS, words

_LONG_AGO = re.compile(
    r"\b(?:for|over|through|during) (?:many |several |some |hundreds of |a great many |long )?(?:years|"
    r"decades|generations|centuries|a long time)\b|\bfor a long time\b|\b(?:decades|generations|"
    r"centuries) ago\b|"
    r"\b(?:until|till|in|during|before|up to) (?:about |around )?(?:the )?(?:early |late |nineteen )?"
    r"(?:(?:19|20)?\d0 ?s|fifties|sixties|seventies|eighties|nineties|(?:seventeenth|eighteenth|nineteenth|"
    r"twentieth|last|18th|19th|20th) century|old days|olden days|days of)\b|"
    r"\b(?:old|older|earlier|former|ancient|victorian) (?:\w+ )?(?:lore|books?|manuals?|textbooks?|charts?|"
    r"guidelines?|courses?|leaflets?|teaching|editions?|rules?|custom|practice|remed\w+|habit)\b|"
    r"^\W*once (?:\w+ ){1,2}(?:was|were|used|would|had) |"
    r"\bonce (?:told|taught|thought|believed|recommended|advised|used|standard|common)\b|"
    r"\bused to be\b|\b(?:first|early) aid (?:once|then)\b|\bgrandparents\b"
)
_PRESENT = re.compile(r"\b(?:should|must|today|now|nowadays|still|these days|remains?)\b")
_ENDORSED = re.compile(
    r"\b(?:it|that|this|which|they|(?:the|this|that|his|her|their) (?:advice|method|trick|remedy|old way|"
    r"cure|way))(?: (?:has|have|had|always|still|really|usually|often|certainly|just|all|"
    r"surely)){0,2} (?:works?|"
    r"worked|helps?|helped|heals?|healed|cured?|did the trick|does the trick|"
    r"saved|eased|(?:was|were|is|are) (?:\w+ )?(?:right|best|true|sound|correct|effective))\b|"
    r"\b(?:she|he|they) (?:was|were) (?:quite |absolutely )?right\b|"
    r"\bnever (?:failed|did (?:\w+ ){1,3}harm|let (?:us|me|him|her) down)|"
    r"\bworks? (?:just |every |still |like )|"
    r"\b(?:worked|works) (?:well|fine|wonders|perfectly|every time|a treat)|\bgood as new\b|"
    r"\b(?:and|so) (?:you should|should you|can you|you can)\b|"
    r"\bstill (?:works?|helps?|do|does|use|swear|best|the best)\b|\bbest (?:thing|way|cure|remedy)\b"
)
_PAST_FORMS = words("""
    was were did had went came gave took held kept laid sat stood told said found felt began ran saw got made
    left brought rang stopped threw caught fell lay bent bound broke drew drank drove ate fed flew forgot
    fought froze grew knew led lost meant met paid rode rose sent shook slid slept spoke stuck swam swept
    swung taught thought tore woke wore wound wrote became
""")
_NOW = words("is are am has have do does should must can may will would shall ought need needs 's let")
_SUBJECTS = SUBJECTS | words("often sometimes usually once")
_MEANS_TO = words("want try offer ask attempt decide urge")
_TELLERS = words("i we he she they it who")
_OF_PARTICIPLES = words("for during off with by")
_BEFORE_PARTICIPLES = DETERMINERS | words("be have get keep leave if when as")


def narrates(tokens: Tokens, head: int, end: int) -> bool:
    """Whether a clause tells in the past tense what somebody did ("we kept her on the floor")."""
    forms, lemmas = tokens.forms, tokens.lemmas
    verb = lemmas[head] in VERBS or lemmas[head] in verbs()
    bare = verb and is_base_form(forms[head], lemmas[head])
    if bare or forms[head] == "you" or not _NOW.isdisjoint(forms[head:end]):
        return False
    if forms[head] in {"i", "we"} and "could" in forms[head:end]:
        return True
    if forms[head].endswith("ing") and lemmas[head] in verbs() and _TELLERS.isdisjoint(forms[head:end]):
        return False  # "leaning forward, the soft part pinched for ten minutes"
    past = [k for k in range(head + 1, end) if forms[k] in _PAST_FORMS or forms[k].endswith("ed")]
    for k in past:
        form, before = forms[k], forms[k - 1]
        if form in _PAST_FORMS and lemmas[k - 1] not in DETERMINERS:
            return True
        regular = form.endswith("ed") and lemmas[k] in verbs() and form != lemmas[k]
        wished = lemmas[k] in _MEANS_TO and forms[k + 1 : k + 2] == ["to"]
        if (
            regular
            and lemmas[k - 1] not in _BEFORE_PARTICIPLES
            and (wished or before in _SUBJECTS or _runs_on(forms, k, end))
        ):
            return True
    return False


def _runs_on(forms: list[str], at: int, end: int) -> bool:
    """Whether a past form has an object or a place, so that it is no mere participle before its noun."""
    following = forms[at + 1] if at + 1 < end else ""
    if following in _OF_PARTICIPLES and forms[at - 1] not in PERSON_SUBJECTS:
        return False  # "ambulance called during the rinse"
    return following in OBJECT_STARTS or following.endswith("ly")


def tells_of_the_past(plain: str) -> bool:
    """Whether a sentence tells what was done or taught long ago, and does not say that it is done today."""
    return (
        not _PAST_FORMS.isdisjoint(plain.split())
        and _LONG_AGO.search(plain) is not None
        and _PRESENT.search(plain) is None
    )


def endorses(plain: str) -> bool:
    """Whether a sentence says of what it tells that it works."""
    return _ENDORSED.search(plain) is not None
