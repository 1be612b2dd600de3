"""What a heading, or the words before a colon, announce: things not to do, myths, a case, or nothing."""

import re
from typing import Literal

from ._hinted import Hinted
from ._text import Tokens
from ._words import AVOID, CONDITIONS, MYTHS, STATES, words

Rule = Literal["", "forbid", "myth", "condition"]

_BEFORE_NOT = words("do should must what to or and thing please also shall") | {"", ","}
# "Do not panic:", "What doctors do not tell you:", "Not only for large burns:"
_NO_DEEDS = (
    words("""
    panic worry forget hesitate delay wait mind only just everyone everybody sure certain tell know mention
    say teach share regret be fear able swallow train clear
""")
    | STATES
)

_BAD = (
    r"(?:wrong|harmful|dangerous|useless|worthless|outdated|obsolete|forbidden|prohibited|banned|"
    r"contraindicated|unhelpful|pointless|unsafe|futile|ineffective|bad|poor)"
)
_ACTS = (
    r"(?:practices?|remed(?:y|ies)|measures?|methods?|advice|ideas?|habits?|treatments?|things?|acts?|"
    r"actions?|tips?|customs?|tricks?|steps?|moves?|responses?|reactions?|cures?|answers?|"
    r"first aid)"
)
_VERY = r"(?:very |quite |always |also |simply |plainly |absolutely |strictly |completely |positively )?"
_THESE = r"(?:these|those|them|the following)"
_GIVEN_UP = r"(?:dropped|abandoned|given up|withdrawn|discarded)"
_NO_CONDITION = words("if when what how")  # "What to do when it gets worse:"
# What leads over to a list of bans: "What not to do in shock: ..."
_LEADS = (
    r"what (?:not|never) to do",
    r"what (?:\w+ ){0,2}(?:should|must|may) (?:not|never) (?:do|be done)",
    r"what to avoid",
    r"(?:things|mistakes|errors|acts)\b[^:;]{0,30} (?:to avoid|not to (?:do|make)|never to (?:do|make))",
    r"(?:things|acts) (?:that )?(?:\w+ ){0,2}(?:should|must|may) (?:not|never) (?:do|be done)",
    r"(?<!no )(?:mistakes|errors|pitfalls)(?: (?!to\b)[^:;]{0,50})?",
    r"(?<!good )(?:things|tips|remedies|advice) (?:that )?you (?:may|might|will|still) (?:hear|meet|read)",
    r"(?:that|what) (?:\w+ )?(?:do not|does not|never) (?:help|work)",
    r"what (?:\w+ ){1,3}(?:get|gets|do|does) wrong",
    rf"(?:what|this|{_ACTS}) (?:that |which )?(?:only |often )?makes? (?:\w+ ){{1,3}}worse",
    r"what (?:that |which )?(?:only |often )?(?:does|do|causes?) (?:real )?(?:harm|damage)",
    (
        rf"{_ACTS} (?:that |which )?(?:\w+ )?(?:can |may |could |will )?"
        r"(?:(?:do|does|cause|causes) (?:\w+ )?(?:harm|damage)|harm|injure|hurt|kill)"
        r"(?: (?!not\b)\w+){0,3}"
    ),
    r"(?:few|some|ones) that (?:can |may |could )?(?:do (?:\w+ )?harm|harm|hurt|kill|cost lives)",
    r"(?<!not )(?:just|equally|every bit) (?:as )?(?:wrong|bad|harmful|dangerous|risky|useless)",
    rf"{_ACTS} (?:without|of no|with no) (?:any |proven |real )?(?:value|use|benefit|effect)",
    rf"(?:old|earlier|former) {_ACTS}(?: \w+){{0,4}} {_GIVEN_UP}",
    rf"(?<!not )(?<!less ){_BAD} (?:and {_BAD} )?(?:home |kitchen |folk |old )?{_ACTS}",
    rf"^\W*{_VERY}{_BAD}(?: (?:and|or|,) {_VERY}{_BAD}){{0,2}}",
    (
        r"^\W*(?:not|never|no longer) (?:recommended|advised|advisable|allowed|to be (?:done|tried|used))"
        r"(?: (?:any ?more|any longer|at any stage))?"
    ),
    r"(?:^\W*|(?:things|acts|is|are) )to be (?:avoided|left undone|left out)",
    r"(?:^\W*|to )(?:leave|left) (?:undone|out(?: of (?!it\b)[^:;]{0,40})?)",
    rf"leave {_THESE} out",
    rf"(?:^\W*|please )leave (?:{_THESE} )?(?:well |strictly )?alone",
    r"^\W*not (?:now|yet)",
    r"hold off on",
    r"(?:nobody|no one) (?:gains|profits|benefits) from",
    r"^\W*avoided",
    r"^\W*also out",
    r"^\W*(?:struck (?:out|off)|out of the question)\b[^:;]{0,50}",
    rf"the following (?:have|has|had) (?:all )?been {_GIVEN_UP}",
    r"(?<!dos and )(?<!do's and )(?:don'ts|donts|do nots|no nos)",
    r"(?:and|but) (?:are|is|do|does) not",
    r"^\W*stop (?:doing|using)(?: (?:this|these|that))?",
    (
        r"(?<!not )(?<!never )(?<!to )(?:forget|leave out|skip)"
        rf"(?: (?:these|this|about|(?:\w+ ){{1,3}}{_ACTS}))?(?: too)?"
    ),
    r"(?:do not|don't|never|avoid)(?: ever)?(?: do)?(?: (?:any|all) of)? (?:the following|these)(?: things)?",
    r"(?:do not|don't|never) ,",
)
_OF_WHAT = r"(?: (?:in|at|for|with|when|if|during|after|while|on|about|here|are|include|to|by)\b[^:;]{0,60})?"
_LEAD = Hinted(
    rf"(?:{'|'.join(_LEADS)}){_OF_WHAT}\W*$",
    """
    not never avoid mistake error pitfall hear meet read wrong worse harm damage injure hurt kill lives bad
    risky useless dangerous value use benefit effect dropped abandoned given withdrawn discarded worthless
    outdated obsolete forbidden prohibited banned contraindicated unhelpful pointless unsafe futile
    ineffective poor longer undone left leave hold gains profits also struck question don't donts nos doing
    using forget skip
    """,
)
_MYTHS_ABOUT = re.compile(r"\b(?:myths|misconceptions|fallacies|superstitions)\b[^:;]{0,60}\W*$")
# A ban that lacks its act, which the list names: "You must never: ..."
_OPEN_BAN = re.compile(
    r"(?:^\W*(?:please )?(?:never|avoid|do not|don't|no)"
    r"|(?<!why )(?:\w+ )(?:must|should|shall|may|ought) (?:not|never)"
    r"|(?:nobody|no one|none of you) (?:must|should|may|ought to)"
    r"|(?:under|in) no (?:circumstances|case)|on no account|at no (?:time|stage)"
    r"|refrain from|resist the (?:urge|temptation)(?: to)?|(?:not|never) be tempted to"
    rf"|(?<!\bif )it (?:is|would be) {_VERY}(?:a mistake|an error|{_BAD}) to)"
    r"(?: ever| do)?(?: , (?:whatever|however|even if|no matter)\b[^:;]{0,50})?\W*$"
)


def heading_rule(tokens: Tokens, start: int, end: int) -> Rule:
    """Return what the heading of tokens ``start`` to ``end`` says of the lines under it."""
    lemmas, forms = tokens.lemmas[start:end], tokens.forms[start:end]
    if set(lemmas) & MYTHS and "fact" not in lemmas:
        return "myth"
    content = [word for word in lemmas if word.isalpha()]
    open_condition = {"if", "when", "unless"} & set(content[-5:]) and content[0] not in _NO_CONDITION
    ends_open = bool(content) and content[-1] in CONDITIONS and content[-2:] != ["at", "once"]
    if ends_open or (open_condition and len(content) > 1):
        return "condition"
    if {"don'ts", "donts"} & set(forms) and {"do's", "dos"} & set(forms):
        return ""
    cut = next((i for i, word in enumerate(lemmas) if word in {"if", "when", "who", "unless"}), len(lemmas))
    before, plain = lemmas[:cut], " ".join(forms)
    if not before:
        before = lemmas[lemmas.index(",") :] if "," in lemmas else []
    return "forbid" if _bans(before) or announces_bans(plain, listed=True) else ""


def announces_bans(plain: str, *, listed: bool) -> bool:
    """Whether words announce a list of things not to do.

    Args:
        plain: The words in lower case, a space between each and the next.
        listed: Whether what follows is clearly a list: then a ban without its act, or a word for myths, does.
    """
    if _LEAD.search(plain):
        return True
    return listed and (_MYTHS_ABOUT.search(plain) is not None or leaves_open(plain))


def leaves_open(plain: str) -> bool:
    """Whether words end in a ban that lacks its act: "Never:", "nobody should:"."""
    return _OPEN_BAN.search(plain) is not None


def _bans(lemmas: list[str]) -> bool:
    """Whether a heading's words say what not to do, and do not merely say why ("To avoid scars:")."""
    for index, word in enumerate(lemmas):
        before = lemmas[index - 1] if index else ""
        following = next((w for w in lemmas[index + 1 :] if w.isalpha()), "")
        if word in {"not", "never"} and before in _BEFORE_NOT and following not in _NO_DEEDS:
            return True
        if word in AVOID and before != "to":
            return True
    return False
