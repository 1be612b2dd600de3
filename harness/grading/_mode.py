"""Whether a clause instructs, or merely conditions, explains or reports."""

import re

from ._hinted import Hinted
from ._model import Clause, Mode
from ._past import narrates
from ._split import skip_adverbs
from ._text import Tokens
from ._words import (
    CROWD,
    DISMISSALS,
    EXPERTS,
    FINITE,
    MODALS,
    MYTHS,
    NEGATIVE,
    NOUN_VERBS,
    PERSON_SUBJECTS,
    POSITIVE,
    VERBS,
    WARNINGS,
    words,
)

_PRONOUNS = words("it this that which these those blood doing")
_CONDITIONS = words("if unless even whether once until when before after while although though") | {"only if"}
_REASONS = words("because since so which who where")
_POSSIBLE = words("can could may might")
_OBLIGED = words("should must need have")
_GAINS = words("chance survival effectiveness likelihood flow circulation recovery outcome")
_LESSENS = words("reduce lower decrease lessen diminish")
_INCREASES = words("increase raise improve boost maintain restore")
_LEADING = words("leading causing resulting making allowing preventing reducing increasing meaning risking")
_DEFINING = words("include involve occur refer describe differ depend represent result happen")
_PROGNOSIS = words("usually normally generally probably soon eventually always often will")
_WAITS = words("wait stay remain keep")
_NOT_DEEDS = words("wait vomit eat swallow")

_MYTH = Hinted(
    r"old wives|contrary to|used to (?:be|think|believe|recommend|say|advise|teach)|w(?:as|ere) once|"
    r"once (?:thought|taught|believed|recommended)|no longer (?:recommended|advised|used|taught|done|"
    r"considered)|"
    r"(?:despite|in spite of) what|often mistaken|mistaken(?:ly)? |mistakes? |common errors?|"
    r"people (?:wrongly|mistakenly|think|believe|sometimes think)|(?:may|might|will) have (?:heard|read|"
    r"seen|been told)|"
    r"you(?: have)? (?:often )?heard|"
    r"you (?:may|might|will|could) (?:\w+ )?(?:read|hear) (?:about|that|of|people)\b|"
    r"(?:might|may|will|would|could) (?:often )?(?:tell|say|suggest|"
    r"advise|urge|insist)|"
    r"in the past|years ago|outdated|old advice|so called|popular belief|folk (?:remed|belie|tale)|"
    r"(?<!not )(?<!never )wrong to|"
    r"people used to|it is often said|"
    r"there (?:is|are) (?:a |an )?(?:\w+ )?(?:stor|tale|rumou?r|claim|belief)|"
    r"(?<!thing )(?<!what )(?:is|are|was|were) (?:a |an |just a |only a |simply a )?"
    r"(?:complete |dangerous |common )?(?:myth|misconception|wrong|false|untrue|not true|"
    r"(?:bad|poor|dangerous|terrible) advice)",
    """
    wives contrary used once longer despite spite mistake error people heard read seen told hear tell
    say suggest advis urge insist past ago outdated advice called belief folk wrong said stor tale rumo claim
    myth misconception false true
    """,
)
_IF_WRONG = re.compile(r"\b(?:if|when|whether|once) [^,;:.]*?\bwrong\b")  # a sign, no judgement of advice
_CONTRARY = re.compile(r"^\W*contrary to [^,;:]+,")  # what follows is said in earnest
_BAN_DENIED = Hinted(
    r"\b(?:myth|misconception|wives' tale|untrue|not true|false|wrong|nonsense|mistaken) that (?:\w+ ){0,3}"
    r"(?:should|must|may|can|do) (?:not|never)\b|"
    r"\b(?:advice|rule|warning)s? (?:not|never) to \b[^,;:.]+ (?:is|was|are|were) (?:\w+ )?"
    r"(?:wrong|outdated|mistaken|nonsense|myth|false)\b",
    "myth misconception tale true false wrong nonsense mistaken advice rule warning",
)
_NO_MYTH = re.compile(
    r"(?:not|never) (?:just )?an? (?:old )?(?:myth|misconception|wives|mistake)|"
    r"(?:mistakes?|errors?) (?:is|are|would be|include) (?:not|failing|forgetting|neglecting|delaying|"
    r"waiting|omitting)"
)
_BRINGS, _SOILS = words("carry drive grind"), words("bacteria bacterium dirt germ infection")  # into a wound
_AUTHORITIES = EXPERTS | {"guideline"}
_JUDGED = re.compile(
    r"\W*(?:but )?(?:this|that|it|these|those|both|the|such \w+|all of (?:this|these)|none of these|neither|"
    r"doing so)"
    r"(?: \w+)?(?: (?:advice|remed\w+|customs?|habits?|kits?|method\w*|practi[cs]e\w*|idea\w*|things?|"
    r"approach\w*|claims?))? "
    r"(?:is|are|was|were|has|have|had|can be|may be|could be|will|can|may|does|do|should|works?|"
    r"helps?)\b[^.]*\b"
    r"(?:myth|misconception|wrong|false|dangerous|not true|untrue|incorrect|outdated|harmful|bad|"
    r"not recommended|given up|abandoned|dropped|discarded|withdrawn|discredited|"
    r"not advised|worse|mistake|not work|not help|never be|harm|damage|not be (?:done|used|followed|tried)|"
    r"not a good|not safe|unsafe|avoided)\b"
)
_REJECTED = re.compile(
    r"\W*(?:please )?(?:do not|never|no|wrong|not so|avoid (?:this|that|it)|ignore (?:this|that|it|them))\s*"
    r"(?:[.,:;!-]|do (?:that|this|it)|listen|follow|believe)"
)
# After a sentence in quotation marks: "Rub it with snow." It does not help.
_CONTRADICTED = re.compile(
    r"\W*(?:it|they|he|she|that|this|these|most) (?:(?:do|does|did|will|is|are|can) not|cannot|only|just|"
    r"would (?!help|work|be (?:good|right|best|safe))|"
    r"(?:hurt|harm|burn|damage|kill|waste|spread|tear|injure|worsen|delay|push|drive|trap|cost)s?)\b|"
    r"\W*not (?:if|when|so|true|for|in)\b"
)
_HEARSAY = re.compile(
    r"\b(?:some|many|people|heard|says?|thinks?|believes?|sometimes|often|told|tempt\w*|might|may|remed\w*|"
    r"advise[sd]?|traditional\w*|old|popular\w*|home|grand\w+|suggest\w*|commonly|years|decades|"
    r"generations|used to|once)\b"
)
_AGREES = re.compile(
    r"\W*(?:(?:that|this|which|it) (?:is|was) )?(?:quite |perfectly |absolutely )?(?:true|right|correct|"
    r"so)\W*$|"
    r"\W*(?:they|she|he) (?:were|was|is|are) (?:quite |absolutely )?right\b"
)
_WHETHER = re.compile(r"\W*(?:should|must|shall) (?:you|i|we|one|they)\b")
_NO = re.compile(r"\W*(?:(?:absolutely|certainly|definitely|of course|do) not|no|never(?: ever)?)\W*$")
_PROPOSES = re.compile(r"\W*(?:how|what) about \w+ing\b")
_YES = re.compile(r"\W*(?:yes|yeah|sure|absolutely|of course|definitely|certainly)\b(?!\W*not\b)")


def mode_of(tokens: Tokens, clause: Clause, previous: Clause | None) -> Mode:  # noqa: PLR0911 - cases, in order
    """Return what a clause does with its acts, its polarity apart."""
    lemmas, forms = tokens.lemmas, tokens.forms
    opener = clause.opener
    head = skip_adverbs(tokens, clause.start, clause.end)
    if opener in _CONDITIONS:
        deed = skip_adverbs(tokens, clause.start + 1, clause.end)
        gerund = deed < clause.end and forms[deed].endswith("ing") and lemmas[deed] in VERBS - _NOT_DEEDS
        of_condition = (
            previous is not None and previous.mode == "condition" and forms[clause.start - 1] != ","
        )
        return (
            "main" if opener in {"after", "before", "while"} and gerund and not of_condition else "condition"
        )
    if opener == "by":
        caused = {"cause", "due", "explain", "trigger"} & set(lemmas[max(0, clause.start - 3) : clause.start])
        return "reason" if caused or (previous is not None and previous.mode == "reason") else "main"
    if opener in _REASONS:
        return "reason"
    if head >= clause.end:
        return "main"
    following = lemmas[head + 1] if head + 1 < clause.end else ""
    if lemmas[head] in {"as", "for"} and following in {"it", "this", "they"}:
        return "reason"
    if (
        forms[head] in _LEADING
        and previous is not None
        and forms[clause.start - 1] not in {"but", "and", "so"}
    ):
        return "reason"
    return _declarative(tokens, clause, head)


def _declarative(tokens: Tokens, clause: Clause, head: int) -> Mode:  # noqa: PLR0911
    """Tell advice in the third person from plain statement."""
    lemmas, forms = tokens.lemmas, tokens.forms
    word, form = lemmas[head], forms[head]
    span = lemmas[head : clause.end]
    if (word in VERBS and form == word and word not in NOUN_VERBS) or word in {"not", "never", "do"}:
        return "main"
    links = [k for k in range(head + 1, clause.end) if lemmas[k] in FINITE]
    link = links[0] if links else None
    good = speaks_well(span)
    if word in _PRONOUNS:
        passive = word != "blood" and link is not None and _passive(tokens, link, clause.end)
        warns = bool(WARNINGS & set(span)) and "to" in span
        if good or passive or warns or any(w in _OBLIGED or w in _PROGNOSIS for w in span):
            return "main"
        acts = word in {"it", "this", "that"} and _acts_on(tokens, head, clause.end)
        return "reason" if acts or (link is not None and lemmas[link] != "be") else "main"
    if word in CROWD or (word in {"some", "many", "most", "other"} and head + 1 < clause.end):
        return "main" if good else "report"
    if narrates(tokens, head, clause.end):
        return "main" if good else "report"
    told = word in {"i", "my", "grandmother", "grandma"} or (
        word in {"she", "he"} and _past(forms[head : clause.end])
    )
    if told and not any(w in MODALS for w in span):
        return "main" if {"recommend", "suggest", "advise", "would"} & set(span) else "report"
    if word in MODALS and word != "should":
        return (
            "reason" if word in _POSSIBLE and not good and not _passive(tokens, head, clause.end) else "main"
        )
    if link is not None and lemmas[link] in _POSSIBLE and set(lemmas[link + 1 : link + 3]) & _WAITS:
        return "main"  # "cooling can wait"
    if link is not None and lemmas[link] in _DEFINING:
        return "report"
    if form.endswith("ing") and word in VERBS and link is not None and not clause.opener:
        return "main" if good or _denied(lemmas, link, clause.end) else "report"
    inanimate = word not in PERSON_SUBJECTS and (link is None or not set(lemmas[head:link]) & PERSON_SUBJECTS)
    if link is not None and lemmas[link] in _POSSIBLE and inanimate and not good:
        return "main" if _passive(tokens, link, clause.end) else "reason"
    return "main"


def _acts_on(tokens: Tokens, head: int, end: int) -> bool:
    """Whether a pronoun is said to do something by itself: "it moves the object in the wound"."""
    at = skip_adverbs(tokens, head + 1, end)
    if at >= end:
        return False
    form, word = tokens.forms[at], tokens.lemmas[at]
    return form != word and form.endswith("s") and word in VERBS and word != "do"


def speaks_well(lemmas: list[str]) -> bool:
    """Whether words praise: they help, or reduce what is bad, or increase what is good."""
    named = set(lemmas)
    if named & _LESSENS:
        return not named & _GAINS
    return bool(named & POSITIVE) or bool(named & _INCREASES and named & _GAINS)


def speaks_ill(lemmas: list[str]) -> bool:
    """Whether words blame: they harm, or reduce what is good, or increase what is bad."""
    named = set(lemmas)
    if named & _LESSENS:
        return bool(named & _GAINS)
    if named & _BRINGS and named & _SOILS:
        return True
    return bool(named & NEGATIVE) and not (named & _INCREASES and named & _GAINS)


def _past(forms: list[str]) -> bool:
    return any(form in {"was", "were", "did", "had"} or form.endswith("ed") for form in forms)


def _passive(tokens: Tokens, link: int, end: int) -> bool:
    return any(
        tokens.forms[k].endswith(("ed", "en", "put", "kept", "held"))
        for k in range(link + 1, min(end, link + 5))
    )


def _denied(lemmas: list[str], start: int, end: int) -> bool:
    said = set(lemmas[start:end])
    return bool((DISMISSALS | {"not", "never", "no"}) & said) or speaks_ill(lemmas[start:end])


def tells_myth(plain: str, lemmas: set[str]) -> bool:
    """Whether a sentence names its acts as a myth, an error or a thing of the past."""
    if "wrong" in plain:
        plain = _IF_WRONG.sub("", plain)
    if "contrary" in plain:
        plain = _CONTRARY.sub("", plain)
    named = bool(MYTHS & lemmas)
    if not named and not _MYTH.search(plain):
        return False
    if _NO_MYTH.search(plain):
        return False
    return named or "wrong" in plain or "mistake" in plain or _AUTHORITIES.isdisjoint(lemmas)


def denies_ban(plain: str) -> bool:
    """Whether a sentence says that a ban is mistaken: "it is a myth that you should not ..."."""
    return _BAN_DENIED.search(plain) is not None


def proposes(plain: str) -> bool:
    """Whether a question is a proposal: "how about putting ...?"."""
    return _PROPOSES.match(plain) is not None


def takes_back(plain: str, before: str) -> bool:
    """Whether a sentence ("That is wrong.") takes back the hearsay in the one before."""
    if before.startswith('"') and plain.startswith('"') and _CONTRADICTED.match(plain):
        return True
    return bool((_JUDGED.match(plain) or _REJECTED.match(plain)) and _HEARSAY.search(before))


def answers_yes(plain: str) -> bool:
    """Whether a sentence answers the question before it with yes."""
    return bool(_YES.match(plain))


def says_no(plain: str) -> bool:
    """Whether words say no and nothing else."""
    return _NO.match(plain) is not None


def refused(question: str, answer: str) -> bool:
    """Whether a question whether to do something is answered with no."""
    return _WHETHER.match(question) is not None and says_no(answer)


def agrees(plain: str) -> bool:
    """Whether a sentence bears out the one before ("True.", "They were right.")."""
    return bool(_AGREES.match(plain))
