"""Where the clauses of a sentence begin, and what joins and opens each."""

from typing import NamedTuple

from ._lemmas import is_base_form, verbs
from ._numbers import number_at
from ._text import Tokens
from ._words import (
    ADVERBS,
    AUXILIARIES,
    AVOID,
    COORDINATORS,
    DETERMINERS,
    MODALS,
    NOUN_VERBS,
    OBJECT_STARTS,
    SUBJECTS,
    SUBORDINATORS,
    UNBIDDEN,
    VERBS,
    words,
)

_OBJECTS = DETERMINERS | {"it", "them", "him", "her"}
_HELPERS = words("them him her someone somebody")
_TWO_WORD_OPENERS = frozenset({"even", "only", "except", "in", "as", "so"})
_OPENING = SUBORDINATORS | words("only even except in as so by after before while whilst when")
_ABOUT = words("about around at several few approximately roughly this that")
CONDITIONAL = words(
    "if unless when until once whether after before while because since although though even who which"
) | {"only if"}
# Verbs that start the main clause even without a comma: "if she is breathing start CPR".
_STRONG = words("""
    start begin call give put apply place perform lay roll take administer use phone dial keep make move
    commence turn press
""")
_NO_IMPERATIVE_AFTER = words("""
    to not must should can will would could may might do and or you they we i people who that which it let
    help make never be the a an your their his her symptom sign hand cannot please then immediately also
    always
""")
_NO_SUBJECT_AFTER = words("""
    with near beside around to for of and or that what as than like if when where how before after until while
    because
""")
_COMPARING = words(
    "soon long well much far if though possible needed many a an usual above before described often"
)
_DESCRIBING = words("be have stop become look feel can do lose")
_THIRD_PERSON = words("is are has was were does have cannot can will")
_TRANSITIVE_NOUNS = words("call press sit stand lean use wait look lie stay seek hold help stop start")
_SUBJECTS_OR_SIGNS = SUBJECTS | {"symptom", "sign"}
_PREDICATING = AUXILIARIES - {"need", "do"}
_SUBJECTS_OR_DETERMINERS = SUBJECTS | DETERMINERS
_PLAIN_VERBS = VERBS - NOUN_VERBS
_SHALL = words("should must may can will")
_PHRASING = words("of in on at with for to from or and that which who by as if not")
_BARE = words("panic delay wait drive walk stand sit press rest leave")
_CASUALTY = words("he she they it")
_JOINTS = frozenset(",;:-()") | COORDINATORS
_NEW_SUBJECTS = words("should must need")


class Start(NamedTuple):
    """A clause begins at ``token``, joined by ``link`` and opened by ``opener`` (a subordinating word)."""

    token: int
    link: str
    opener: str


def skip_adverbs(tokens: Tokens, index: int, end: int) -> int:
    """Return the first token at or after ``index`` that is no adverb, quotation mark or bracket."""
    forms, lemmas = tokens.forms, tokens.lemmas
    while index < end:
        form = forms[index]
        adverb = (form in ADVERBS and form != "never") or (form.endswith("ly") and lemmas[index] not in VERBS)
        if not adverb and form not in {'"', "'", "(", ","}:
            break
        index += 1
    return index


def opener_at(tokens: Tokens, index: int, end: int) -> str:  # noqa: PLR0911, PLR0912 - cases, in order
    """Return the subordinating word at ``index``, normalised, or an empty string."""
    lemmas, forms = tokens.lemmas, tokens.forms
    while index < end and forms[index] in "\"'(":
        index += 1
    if index >= end:
        return ""
    word = lemmas[index]
    following = lemmas[index + 1] if index + 1 < end else ""
    if word == "only" and following in {"if", "when", "after", "once"}:
        return "only if"
    if word == "even" and following in {"if", "when", "though"}:
        return "even"
    if word == "except" and following in {"if", "when"}:
        return "unless"
    if word == "in" and following == "case":
        return "if"
    if word == "as" and following in {"soon", "long"}:
        named = {"you", "they", "the", "it", "he", "she"} & set(lemmas[index + 2 : index + 6])
        possible = "possible" in lemmas[index + 2 : index + 4]
        return "" if possible or not named else ("if" if following == "long" else "when")
    if word == "as" and (
        following in {"it", "this", "they", "these", "doing", "that"}
        or (index and forms[index - 1] == "," and following not in _COMPARING)
    ):
        return "because"
    if word == "so" and following == "that":
        return "so"
    if word in {"by", "after", "before", "while", "whilst", "when"}:
        gerund = skip_adverbs(tokens, index + 1, end)
        if gerund < end and forms[gerund].endswith("ing") and lemmas[gerund] in VERBS:
            return "while" if word == "whilst" else word
        if word == "by":
            return ""
    if word in {"before", "after", "since", "until", "till"} and (
        following in _ABOUT or number_at(tokens, index + 1, end)
    ):
        return ""
    if word == "once" and index and lemmas[index - 1] in {"at", "than"}:
        return ""
    if word in SUBORDINATORS:
        same = {"till": "until", "whenever": "when", "provided": "if", "whereas": "while", "whilst": "while"}
        return same.get(word, word)
    return ""


class Splitter:
    """Divides sentences of one text into clauses."""

    def __init__(self, tokens: Tokens):
        self.tokens = tokens
        self.forms = tokens.forms
        self.lemmas = tokens.lemmas

    def starts(self, start: int, end: int) -> list[Start]:
        """Return where the clauses of the sentence from ``start`` to ``end`` begin."""
        found = [Start(start, "", opener_at(self.tokens, start, end))]
        conditional = found[0].opener in CONDITIONAL
        index = start + 1
        while index < end:
            begins = conditional or self.forms[index] in _JOINTS or self.lemmas[index] in _OPENING
            new = self._start_at(index, end, found[-1], conditional) if begins else None
            if new is None:
                index += 1
                continue
            found.append(new)
            conditional = new.opener in CONDITIONAL
            index = max(new.token, index + 1)
            if new.opener:
                index = max(index, new.token + 1 + (self.lemmas[new.token] in _TWO_WORD_OPENERS))
        return found

    def _start_at(self, index: int, end: int, last: Start, conditional: bool) -> Start | None:
        """Return the clause that begins at ``index`` or right after the comma or "and" there."""
        form = self.forms[index]
        if form == ":" and self.forms[index - 1].isdigit() and self.forms[index + 1 : index + 2] == ["2"]:
            return None  # 30:2
        if form == "," and self.forms[index - 1 : index + 2] == ["never", ",", "ever"]:
            return None
        if form in _JOINTS:
            return self._after_joint(index, end, last, conditional)
        opener = opener_at(self.tokens, index, end) if self.lemmas[index] in _OPENING else ""
        if opener:
            return None if self._is_phrase(index, last, opener) else Start(index, "sub", opener)
        if conditional and self._main_clause_without_comma(index, end, last):
            return Start(index, ",", "")
        return None

    def _after_joint(self, index: int, end: int, last: Start, conditional: bool) -> Start | None:
        form = self.forms[index]
        at, link = index + 1, form
        while at < end and (
            self.forms[at] in COORDINATORS or (form in COORDINATORS and self.forms[at] == ",")
        ):
            link = self.forms[at] if self.forms[at] != "," else link
            at += 1
        if at >= end or at <= last.token:
            return None
        opener = opener_at(self.tokens, at, end)
        if form in COORDINATORS:
            begins = (
                link == "but"
                or bool(opener)
                or self.begins(at, end)
                or (link in {"so", "then"} and self._orders(at, end))
            )
        elif form in ";:" or link in {"but", "instead"} or form == ")":
            begins = True
        else:
            begins = (
                bool(opener)
                or self.begins(at, end)
                or (conditional and form == "," and self._orders(at, end))
            )
        if begins and conditional and not opener and self._goes_on(at, end):
            begins = False
        return Start(at, link, opener) if begins else None

    def _is_phrase(self, index: int, last: Start, opener: str) -> bool:
        """Whether "after the fall" is a mere phrase, as what stands before it has no verb yet."""
        if opener not in {"after", "before", "since", "until"} or last.opener:
            return False
        head = skip_adverbs(self.tokens, last.token, index)
        return not any(
            self.lemmas[k] in AUXILIARIES or (self.lemmas[k] in VERBS and not self.forms[k].endswith("ing"))
            for k in range(head, index)
        )

    def _main_clause_without_comma(self, index: int, end: int, last: Start) -> bool:
        """Whether the main clause begins here although no comma ends the condition before it."""
        forms, lemmas = self.forms, self.lemmas
        form, word = forms[index], lemmas[index]
        before, distance = lemmas[index - 1], index - last.token
        following = lemmas[index + 1] if index + 1 < end else ""
        if word in _STRONG and form == word and distance >= 3:
            return before not in _NO_IMPERATIVE_AFTER and not forms[index - 1].endswith("ly")
        if form == "there" and following == "be":
            return distance >= 2 and before not in _NO_SUBJECT_AFTER
        if (form == "you" and following in AUXILIARIES) or (
            form in {"they", "he", "she"} and following in MODALS
        ):
            return distance >= 3 and before not in _NO_SUBJECT_AFTER
        return form == "do" and following == "not" and distance >= 2 and before not in _SUBJECTS_OR_SIGNS

    def _goes_on(self, at: int, end: int) -> bool:  # noqa: PLR0911 - cases, in order
        """Whether what follows a comma or "and" still belongs to the condition before it."""
        at = skip_adverbs(self.tokens, at, end)
        if at >= end:
            return True
        word, form = self.lemmas[at], self.forms[at]
        if self._bids_help(at, end):
            return False
        if word == "not" or form in _THIRD_PERSON:
            return True
        deed = at + (word in {"stop", "do"})  # "and stop breathing", "and do breathe"
        if self.forms[at - 1] in COORDINATORS and not UNBIDDEN.isdisjoint(self.lemmas[deed : deed + 1]):
            return True
        if word == "do":
            return False
        if form.endswith(("ing", "ed")) and form != word:
            for k in range(at + 1, min(end, at + 6)):
                if self.lemmas[k] in SUBJECTS or self.forms[k] in ",;:":
                    return True
                if self.forms[k] in {"is", "are", "can", "will", "may"}:
                    return False
            return True
        if word in SUBJECTS or word in DETERMINERS or word in {"person", "casualty", "there"}:
            # A new subject goes on with the condition if it only describes; "you should" instructs.
            near = self.lemmas[at + 1 : at + 5]
            if word == "you" or _NEW_SUBJECTS & set(near):
                return False
            return bool(_DESCRIBING & set(near)) and self.forms[at - 1] != ","
        return word in VERBS and not is_base_form(form, word)

    def _bids_help(self, index: int, end: int) -> bool:
        """Whether somebody is to be made to do something: "have them hold the head"."""
        return self.forms[index] == "have" and index + 1 < end and self.forms[index + 1] in _HELPERS

    def _orders(self, index: int, end: int) -> bool:
        """Whether a bare verb stands here that is no item of a list."""
        index = skip_adverbs(self.tokens, index, end)
        following = self.forms[index + 1] if index + 1 < end else ""
        word = self.lemmas[index] if index < end else ""
        return word in VERBS and self.forms[index] == word and following not in {",", "or", "and", ""}

    def begins(self, index: int, end: int) -> bool:  # noqa: PLR0911 - cases, in order
        """Whether a clause of its own begins here: an instruction, a prohibition or a subject with a verb."""
        forms, lemmas = self.forms, self.lemmas
        index = skip_adverbs(self.tokens, index, end)
        if index >= end:
            return False
        form, word = forms[index], lemmas[index]
        following = forms[index + 1] if index + 1 < end else ""
        if word in {"not", "never", "without", "do"} or word in AVOID:
            return True
        if word in VERBS and is_base_form(form, word):
            return word not in NOUN_VERBS or self._noun_acts(index, following, end)
        if form.endswith("ing") and word in VERBS and following != "water":
            return True
        if self._bids_help(index, end):
            return True
        if (
            following in _OBJECTS
            and form == word
            and word not in _SUBJECTS_OR_DETERMINERS
            and word in verbs()
        ):
            return True
        if word in SUBJECTS or word in {"person", "casualty"}:
            if self._auxiliary_near(index, end, AUXILIARIES):
                return True
            speaks = following != "" and (lemmas[index + 1] in VERBS or following.endswith("s"))
            return word in SUBJECTS and speaks and word not in {"some", "most", "other", "one"}
        if word in DETERMINERS or word == "no":
            return self._auxiliary_near(index, end, _PREDICATING)
        return self._noun_subject(index, end)

    def _noun_subject(self, index: int, end: int) -> bool:
        """Whether bare nouns begin a clause ("medical help should be sought") after one with a verb."""
        if self.forms[index - 1] == "or" or _SHALL.isdisjoint(self.lemmas[index + 1 : min(end, index + 4)]):
            return False
        if not any(
            self.lemmas[k] in VERBS and not self.forms[k].endswith("ing")
            for k in range(max(0, index - 12), index)
        ):
            return False
        for k in range(index, min(end, index + 4)):
            if self.lemmas[k] in _SHALL and k > index:
                return True
            form = self.forms[k]
            if not form.isalpha() or form in _PHRASING or self.lemmas[k] in _PLAIN_VERBS:
                return False
        return False

    def _noun_acts(self, index: int, following: str, end: int) -> bool:
        """Whether a word that may be noun or verb is a verb here."""
        word = self.lemmas[index]
        if word == "drink" and {"food", "eat", "meal", "foods"} & set(self.lemmas[max(0, index - 4) : index]):
            return False  # "food or drink", "do not eat or drink": no deed of its own
        if (
            following in OBJECT_STARTS
            or following in ADVERBS
            or following.endswith("ly")
            or following.isdigit()
        ):
            return True
        if number_at(self.tokens, index + 1, end):
            return True
        if word in _TRANSITIVE_NOUNS and following not in {"", ",", ".", "and"}:
            return True
        return word in _BARE and following in {"", "."}

    def _auxiliary_near(self, index: int, end: int, auxiliaries: frozenset[str]) -> bool:
        for k in range(index + 1, min(end, index + 5)):
            if self.lemmas[k] in auxiliaries:
                return True
            if self.forms[k] in ",;:.":
                return False
        return False
