"""Sentences to clauses: who is told to do what, with what polarity, and in which state of the casualty."""

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from ._blocks import Sentence, sentences
from ._numbers import number_at
from ._text import Tokens, tokenise, verbs
from ._words import (
    ADVERBS,
    APPROVALS,
    ATTITUDES,
    AUXILIARIES,
    AVOID,
    BODY_PROCESSES,
    CEASE,
    COORDINATORS,
    CROWD,
    DETERMINERS,
    EVALUATION_STARTS,
    HELPER_NOUNS,
    INVERSE,
    MODALS,
    MYTHS,
    NEGATIVE,
    NOUN_VERBS,
    OBJECT_STARTS,
    PERSON_SUBJECTS,
    POSITIVE,
    SUBJECTS,
    SUBORDINATORS,
    VERBS,
    WARNINGS,
)


class Polarity(IntEnum):
    """What a word's surroundings do with it."""

    AFFIRMED = 0
    DENIED = 1
    FORBIDDEN = 2
    SHARED = 3
    CEASED = 4


Mode = Literal["main", "condition", "reason", "question", "report", "unclear"]


@dataclass(slots=True)
class Clause:
    """Tokens ``start`` to ``end`` that say one thing.

    Attributes:
        sentence: Index of its sentence.
        mode: Whether it instructs (``main``) or merely conditions, explains, asks or reports.
        opener: The word that opens it, such as ``if`` or ``before``; empty for none.
        conditions: Indices of the clauses on whose condition it holds.
        antecedent: The clause to which its pronouns point, or -1.
        embeds: The clause that it asks about ("check whether ..."), or -1.
        shares: For SHARED tokens: the forbidden clause to which "and" ties it, or -1.
        gerund: Whether its deed is in the -ing form, as after "by" or "after".
        exception: Whether the condition on it is an exception ("unless", "only if", "without being told").
        listed: It is part of a list after "Never:" and the like.
        ending: The polarity at its end, which the next clause may inherit.
        flips: "if not", "otherwise": holds in the contrary of the state last asked for.
    """

    start: int
    end: int
    sentence: int
    mode: Mode = "main"
    opener: str = ""
    conditions: list[int] = field(default_factory=list)
    antecedent: int = -1
    embeds: int = -1
    shares: int = -1
    gerund: bool = False
    exception: bool = False
    flips: bool = False
    listed: bool = False
    ending: Polarity = Polarity.AFFIRMED


@dataclass(frozen=True, slots=True)
class Analysis:
    """A text in clauses. ``polarity`` and ``clause_of`` run over the tokens."""

    tokens: Tokens
    sentences: list[Sentence]
    clauses: list[Clause]
    polarity: list[Polarity]
    clause_of: list[int]


_IT = frozenset({"it", "them", "this", "that", "these", "those", "one", "some", "him", "her"})
_PRONOUN_OBJECTS = frozenset({"it", "them", "this", "these", "those", "one", "some"})
_ASKING = frozenset({"check", "see", "determine", "assess", "find", "look", "observe", "ask", "know", "tell", "establish", "verify", "sure", "confirm", "feel", "listen"})
_TWO_WORD_OPENERS = frozenset({"even", "only", "except", "in", "as", "so"})
_OBJECTS = DETERMINERS | {"it", "them", "him", "her"}
_STRONG = frozenset(
    "start begin call give put apply place perform lay roll take administer use phone dial keep make move commence turn press".split()
)
_NO_IMPERATIVE_AFTER = frozenset(
    """to not must should can will would could may might do and or you they we i people who that which it let help make never
    be the a an your their his her symptom sign hand help cannot please then immediately also always""".split()
)
_NO_SUBJECT_AFTER = frozenset("with near beside around to for of and or that what as than like if when where how before after until while because".split())
_FINITE = AUXILIARIES | {"cause", "make", "trap", "worsen", "increase", "damage", "delay", "lead", "help", "work",
                         "irritate", "introduce", "prevent", "slow", "let", "allow", "push", "force", "reduce",
                         "stop", "relieve", "soothe", "risk", "restart", "need", "hold", "seal", "draw", "harm", "kill"}  # fmt: skip
_MYTH_PHRASES = re.compile(
    r"old wives|contrary to|used to (?:be|think|believe|recommend|say|advise|teach)|was once|were once|once (?:thought|taught|believed|recommended)|"
    r"no longer (?:recommended|advised|used|taught|done|considered)|despite what|in spite of what|common mistake|often mistakenly|mistakenly|"
    r"people (?:wrongly|mistakenly|think|believe|sometimes think)|(?:may|might|will) have (?:heard|read|seen|been told)|"
    r"you(?:'ve| have)? (?:often )?heard|"
    r"in the past|years ago|outdated|old advice|so-called|popular belief|folk (?:remed|belie|tale)|biggest mistake|one mistake|wrong to|"
    r"(?:might|may|will|would|could) (?:often )?(?:tell|say|suggest|advise|urge|insist)|"
    r"people used to|it is often said|(?:is|are|was|were) (?:a |an |just a |only a |simply a )?(?:complete |dangerous |common )?(?:myth|misconception|wrong|false|untrue|not true)"
)
_REJECTED = re.compile(r"\W*(?:please )?(?:do not|never|no|wrong|not so|avoid (?:this|that|it)|ignore (?:this|that|it|them))\s*(?:[.,:;!-]|do (?:that|this|it)|listen|follow|believe)")
_NOT_A_MYTH = re.compile(r"(?:not|n't|never) (?:just )?an? (?:old )?(?:myth|misconception|wives|mistake)|mistakes? (?:is|are|would be|include) (?:not|failing|forgetting|neglecting|delaying|waiting|omitting)")
_EVALUATED = re.compile(
    r"^\W*(?:but )?(?:this|that|it|these|those|both|such \w+|all of (?:this|these)|none of these|neither|doing so)(?: \w+)?(?: (?:advice|remed\w+|method\w*|practi[cs]e\w*|idea\w*|things?|approach\w*|claims?))? "
    r"(?:is|are|was|can be|may be|could be|will|can|may|does|do|should|works?|helps?)\b[^.]*\b(?:myth|misconception|wrong|false|dangerous|not true|untrue|incorrect|outdated|harmful|"
    r"bad|not recommended|not advised|worse|mistake|not work|not help|never be|harm|damage|not be (?:done|used|followed|tried)|not a good|not safe|works|unsafe|avoided)\b"
)
_EXPERTS = re.compile(r"doctor|dispatcher|professional|expert|guideline|poison|operator|nurse|medic|handler|paramedic")
_HEARSAY = re.compile(
    r"\b(?:some|many|people|heard|say|says|think|thinks|believe|believes|sometimes|often|told|tempt\w*|might|may|remed\w*|advise[sd]?|traditional\w*|old|popular\w*|"
    r"home|grand\w+|suggest\w*|commonly)\b"
)
_POSITIVE_WORDS = re.compile(r"\bnot\b|n't")


def analyse(text: str) -> Analysis:
    """Divide a text into clauses and judge what each does with its words."""
    tokens = tokenise(text)
    parts = sentences(tokens)
    size = len(tokens.forms)
    analysis = Analysis(tokens, parts, [], [Polarity.AFFIRMED] * size, [-1] * size)
    reader = _Reader(analysis)
    for index in range(len(parts)):
        reader.read(index)
    reader.look_back()
    return analysis


class _Reader:
    """Reads sentences in order; what one says may colour the next."""

    def __init__(self, analysis: Analysis):
        self.analysis = analysis
        self.forms = analysis.tokens.forms
        self.lemmas = analysis.tokens.lemmas
        self.polarity = analysis.polarity

    # -- sentence ---------------------------------------------------------------------------------

    def read(self, index: int) -> None:
        sentence = self.analysis.sentences[index]
        starts = self._starts(sentence.start, sentence.end)
        clauses = self.analysis.clauses
        first = len(clauses)
        for number, (start, link, opener) in enumerate(starts):
            end = starts[number + 1][0] if number + 1 < len(starts) else sentence.end
            if start < end:
                clauses.append(Clause(start, end, index, opener=opener))
                self._link(clauses[-1], link, first)
                for token in range(start, end):
                    self.analysis.clause_of[token] = len(clauses) - 1
        self._attach_conditions(first, sentence)
        self._antecedents(first)
        self._sentence_marks(first, sentence)

    def _starts(self, start: int, end: int) -> list[tuple[int, str, str]]:
        """Where clauses begin in a sentence: (token, what links it, what opens it)."""
        forms, lemmas = self.forms, self.lemmas
        found: list[tuple[int, str, str]] = [(start, "", self._opener(start, end))]
        in_condition = bool(found[0][2]) and self._is_condition(start)
        index = start + 1
        while index < end:
            form, word = forms[index], lemmas[index]
            link = ""
            at = index
            if form in ",;:-()":
                at, link = index + 1, form
                while at < end and forms[at] in COORDINATORS:
                    link = forms[at]
                    at += 1
                if at >= end:
                    index += 1
                    continue
                opener = self._opener(at, end)
                if form in ";" or link in {"but", "instead"} or (form == ":" and index > start):
                    begins = True
                elif form in "()":
                    begins = form == ")" or self._begins(at, end)
                else:
                    begins = bool(opener) or self._begins(at, end) or (in_condition and self._orders(at, end))
                if begins and in_condition and not opener and self._goes_on_as_condition(at, end):
                    begins = False
            elif form in COORDINATORS:
                at, link = index + 1, form
                while at < end and (forms[at] in COORDINATORS or forms[at] == ","):
                    link = forms[at] if forms[at] != "," else link
                    at += 1
                if at >= end:
                    index += 1
                    continue
                opener = self._opener(at, end)
                begins = link == "but" or bool(opener) or self._begins(at, end)
                if begins and in_condition and not opener and self._goes_on_as_condition(at, end):
                    begins = False
            elif self._opener(index, end):
                opener, link, begins = self._opener(index, end), "sub", True
            elif (
                in_condition
                and word in _STRONG
                and form == word
                and index - found[-1][0] >= 3
                and lemmas[index - 1] not in _NO_IMPERATIVE_AFTER
                and not forms[index - 1].endswith("ly")
            ):
                opener, link, begins = "", ",", True
            elif (
                in_condition
                and index + 1 < end
                and (
                    (form == "you" and lemmas[index + 1] in AUXILIARIES)
                    or (form in {"they", "he", "she"} and lemmas[index + 1] in MODALS)
                    or (form == "there" and lemmas[index + 1] == "be")
                )
                and index - found[-1][0] >= (2 if form == "there" else 3)
                and lemmas[index - 1] not in _NO_SUBJECT_AFTER
            ):
                opener, link, begins = "", ",", True
            elif (
                word == "do" and form == "do" and index + 1 < end and lemmas[index + 1] == "not"
                and lemmas[index - 1] not in SUBJECTS and lemmas[index - 1] not in {"symptom", "sign"} and index - found[-1][0] >= 2
                and in_condition
            ):  # fmt: skip
                opener, link, begins = "", ",", True
            else:
                index += 1
                continue
            if begins and at < end and at > found[-1][0]:
                found.append((at, link, opener))
                in_condition = bool(opener) and self._is_condition(at)
                index = max(at, index + 1)
                if opener:
                    index = max(index, at + 1 + (lemmas[at] in _TWO_WORD_OPENERS))
            else:
                index += 1
        return found

    def _is_condition(self, index: int) -> bool:
        return self._opener(index, index + 4) in {"if", "unless", "when", "only if", "until", "once", "whether", "after", "before", "while", "because", "who", "which"}

    def _goes_on_as_condition(self, at: int, end: int) -> bool:
        """Whether what follows a comma or "and" still belongs to the condition before it."""
        at = self._skip_adverbs(at, end)
        if at >= end:
            return True
        word, form = self.lemmas[at], self.forms[at]
        if word == "not":
            return True
        if form in {"is", "are", "has", "was", "were", "does", "have", "cannot", "can", "will"}:
            return True
        if word == "do":
            return False
        if form.endswith("ing") or form.endswith("ed"):
            for k in range(at + 1, min(end, at + 6)):
                if self.lemmas[k] in SUBJECTS or self.forms[k] in ",;:":
                    return True
                if self.forms[k] in {"is", "are", "can", "will", "may"}:
                    return False
            return True
        if word in SUBJECTS or word in DETERMINERS or word in {"person", "casualty", "there"}:
            # A new subject goes on with the condition if it only describes; "you should" instructs.
            following = self.lemmas[at + 1 : at + 5]
            if word == "you" or "should" in following or "must" in following or "need" in following:
                return False
            return any(w in {"be", "have", "stop", "become", "look", "feel", "can", "do", "lose"} for w in following) and "," not in self.forms[max(0, at - 1)]
        return form != word and word in VERBS

    def _opener(self, index: int, end: int) -> str:
        """The subordinating word at ``index``, or an empty string."""
        lemmas, forms = self.lemmas, self.forms
        index = self._skip_light(index, end)
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
            after = lemmas[index + 2 : index + 4]
            if "possible" in after or "you" not in lemmas[index + 2 : index + 6] and "they" not in lemmas[index + 2: index + 6] and "the" not in lemmas[index + 2: index + 6]:
                return ""
            return "if" if following == "long" else "when"
        if word == "so" and following == "that":
            return "so"
        if word in {"by", "after", "before", "while", "whilst", "when"} and index + 1 < end:
            after = self._skip_adverbs(index + 1, end)
            if after < end and forms[after].endswith("ing") and lemmas[after] in VERBS and lemmas[after] != "be":
                return {"whilst": "while"}.get(word, word)
            if word == "by":
                return ""
        if word in {"before", "after", "since", "until", "till"} and following and (number_at(self.analysis.tokens, index + 1, end) or following in {"about", "around", "at", "several", "few", "approximately", "roughly", "this", "that"}):
            return ""
        if word == "once" and index and lemmas[index - 1] in {"at", "than"}:
            return ""
        if word == "which" or word == "who" or word in SUBORDINATORS:
            return {"till": "until", "whenever": "when", "provided": "if", "whereas": "while"}.get(word, word)
        if word in {"as"} and following in {"it", "this", "they", "these", "doing", "that"}:
            return "because"
        return ""

    def _skip_light(self, index: int, end: int) -> int:
        while index < end and self.forms[index] in '"\'(':
            index += 1
        return index

    def _skip_adverbs(self, index: int, end: int) -> int:
        forms = self.forms
        while index < end and (
            (forms[index] in ADVERBS and not (forms[index] == "never"))
            or (forms[index].endswith("ly") and self.lemmas[index] not in VERBS)
            or forms[index] in {'"', "'", "(", "please"}
        ):
            index += 1
        return index

    def _orders(self, index: int, end: int) -> bool:
        """Whether a bare verb stands here that is no item of a list."""
        index = self._skip_adverbs(index, end)
        following = self.forms[index + 1] if index + 1 < end else ""
        return (
            index < end and self.forms[index] == self.lemmas[index] and self.lemmas[index] in VERBS
            and following not in {",", "or", "and", ""}
        )  # fmt: skip

    def _begins(self, index: int, end: int) -> bool:
        """Whether a clause of its own begins here: an instruction, a prohibition or a subject with a verb."""
        forms, lemmas = self.forms, self.lemmas
        index = self._skip_adverbs(index, end)
        if index >= end:
            return False
        form, word = forms[index], lemmas[index]
        following = forms[index + 1] if index + 1 < end else ""
        if word in {"not", "never", "without"} or word in AVOID or word == "do":
            return True
        if word in VERBS and (form == word or form in {"lay"}):
            if word not in NOUN_VERBS:
                return True
            return (
                following in OBJECT_STARTS or following in ADVERBS or following.endswith("ly") or following.isdigit()
                or (word in {"call", "press", "sit", "stand", "lean", "use", "wait", "look", "lie", "stay", "seek", "hold", "help"}
                    and following not in {"", ",", "."} and following != "and")
                or (word in {"panic", "delay", "wait", "drink", "drive", "walk", "stand", "sit", "press", "rest", "leave"} and following in {"", ".", ",", "and", "or"})
            )  # fmt: skip
        if form.endswith("ing") and word in VERBS and following != "water":
            return True
        if following in _OBJECTS and form == word and word not in SUBJECTS and word not in DETERMINERS and word in verbs():
            return True
        if word in SUBJECTS or word == "person" or word == "casualty":
            for k in range(index + 1, min(end, index + 5)):
                if lemmas[k] in AUXILIARIES:
                    return True
                if forms[k] in ",;:.":
                    break
            return word in SUBJECTS and following != "" and (lemmas[index + 1] in VERBS or forms[index + 1].endswith("s")) and word not in {"some", "most", "other", "one"}
        if word in DETERMINERS or word == "no":
            for k in range(index + 1, min(end, index + 5)):
                if lemmas[k] in AUXILIARIES and forms[k] not in {"need", "do"}:
                    return True
                if forms[k] in ",;:.":
                    return False
        return False

    # -- polarity ---------------------------------------------------------------------------------

    def _link(self, clause: Clause, link: str, first: int) -> None:
        """Set the clause's mode and the polarity of its tokens, given how it joins the one before."""
        clauses = self.analysis.clauses
        here = len(clauses) - 1
        previous = clauses[here - 1] if here > first else None
        opener = clause.opener
        head = self._skip_adverbs(clause.start, clause.end)
        clause.mode = self._mode(clause, opener, head)
        if (
            previous is not None and previous.mode in {"reason", "report"} and clause.mode == "main" and link in {"and", "or", ",", "&"}
            and head < clause.end and self.lemmas[head] in verbs() and previous.opener != "by"
        ):  # fmt: skip
            clause.mode = previous.mode
        state, shares = Polarity.AFFIRMED, -1
        if previous is not None and previous.mode != "condition" and previous.ending in {Polarity.FORBIDDEN, Polarity.DENIED, Polarity.SHARED}:
            state, shares = self._carried(clause, previous, here - 1, link, head)
        clause.shares = shares
        clause.gerund = bool(opener in {"by", "after", "before", "while", "when"}) or (
            head < clause.end and self.forms[head].endswith("ing")
        )
        self._paint(clause, state)

    def _mode(self, clause: Clause, opener: str, head: int) -> Mode:
        lemmas, forms = self.lemmas, self.forms
        if opener in {"if", "unless", "only if", "even", "whether", "once", "until", "when", "before", "after", "while"}:
            after = self._skip_adverbs(clause.start + 1, clause.end)
            gerund = after < clause.end and forms[after].endswith("ing") and lemmas[after] in VERBS
            if opener in {"after", "before", "while"} and gerund and lemmas[after] not in {"wait", "vomit", "eat", "swallow"}:
                return "main"
            return "condition"
        if opener in {"because", "since", "so", "although", "though", "which", "who", "where"}:
            return "reason"
        if opener == "by":
            return "main"
        if head >= clause.end:
            return "main"
        word = lemmas[head]
        if word in {"as", "for"} and forms[head] == word and head + 1 < clause.end and lemmas[head + 1] in {"it", "this", "they"}:
            return "reason"
        return self._declarative(clause, head)

    def _declarative(self, clause: Clause, head: int) -> Mode:
        """Tell advice in the third person from plain statement."""
        lemmas, forms = self.lemmas, self.forms
        word, form = lemmas[head], forms[head]
        span = range(head, clause.end)
        if word in VERBS and form == word and word not in NOUN_VERBS:
            return "main"
        if word in {"not", "never", "do"}:
            return "main"
        link = next((k for k in span if lemmas[k] in _FINITE and k > head), None)
        good = any(lemmas[k] in POSITIVE for k in span)
        if word in {"it", "this", "that", "which", "these", "those", "blood", "doing"}:
            if good or any(lemmas[k] in {"should", "must", "need", "have"} for k in span):
                return "main"
            if word in {"it", "this", "that", "these", "those"} and link is not None and self._passive(link, clause.end):
                return "main"
            return "reason" if link is not None and lemmas[link] != "be" else "main"
        if word in CROWD or (head + 1 < clause.end and word in {"some", "many", "most", "other"}):
            return "main" if good else "report"
        if word in {"she", "he", "i", "we", "my", "grandmother", "grandma"} and not any(lemmas[k] in MODALS for k in span) and word not in {"we"}:
            return "main" if any(lemmas[k] in {"recommend", "suggest", "advise", "would"} for k in span) else "report"
        if form.endswith("ing") and word in VERBS and link is not None and clause.opener == "":
            return "main" if good or self._denied_predicate(link, clause.end) else "report"
        if (
            link is not None and lemmas[link] in {"can", "could", "may", "might"} and not good
            and word not in PERSON_SUBJECTS and not set(lemmas[head:link]) & PERSON_SUBJECTS and not self._passive(link, clause.end)
        ):  # fmt: skip
            return "reason"
        return "main"

    def _passive(self, link: int, end: int) -> bool:
        return any(self.forms[k].endswith(("ed", "en", "put", "kept", "held")) for k in range(link + 1, min(end, link + 5)))

    def _denied_predicate(self, start: int, end: int) -> bool:
        return any(self.lemmas[k] in {"not", "never"} or self.lemmas[k] in NEGATIVE for k in range(start, end))

    def _carried(
        self, clause: Clause, previous: Clause, index: int, link: str, head: int
    ) -> tuple[Polarity, int]:
        """What is left of the polarity of the clause before, and the clause whose fate this one shares."""
        if clause.opener and clause.opener not in {"by"}:
            return Polarity.AFFIRMED, -1
        if clause.opener == "by":
            return previous.ending, -1
        if link in {"but", "then", "so", "instead", ";", "yet", "sub"}:
            return Polarity.AFFIRMED, -1
        lemmas, forms = self.lemmas, self.forms
        skipped = set(forms[clause.start : head])
        if skipped & {"instead", "then", "just", "simply", "immediately", "always", "rather", "please", "only"} or "instead" in forms[clause.start : clause.end]:
            return Polarity.AFFIRMED, -1
        if head < clause.end and (lemmas[head] in {"not", "never", "do", "avoid"} or lemmas[head] in SUBJECTS):
            return Polarity.AFFIRMED, -1
        verb = self._negated_verb(previous)
        same_form = (
            head < clause.end and verb is not None and forms[head].endswith("ing") == forms[verb].endswith("ing")
        )
        if link == ":":
            bare = verb is None or {"following", "these"} & set(forms[previous.start : previous.end])
            clause.listed = bool(bare)
            return (previous.ending, -1) if bare else (Polarity.AFFIRMED, -1)
        if previous.listed and same_form:
            clause.listed = True
            return previous.ending, -1
        if link in {"or", "nor"}:
            return (previous.ending, previous.shares) if same_form else (Polarity.AFFIRMED, -1)
        if verb is not None and lemmas[verb] in ATTITUDES and not forms[verb].endswith("ing") and not (
            link == "and" and {"just", "simply"} & set(forms[previous.start : previous.end])
        ):
            return Polarity.AFFIRMED, -1
        if not same_form:
            return Polarity.AFFIRMED, -1
        if verb is not None and forms[verb].endswith("ing"):
            return previous.ending, previous.shares
        if self._list_with_or(clause):
            return previous.ending, previous.shares
        if link in {"and", "&", "plus"}:
            return Polarity.SHARED, previous.shares if previous.ending is Polarity.SHARED else index
        return Polarity.AFFIRMED, -1

    def _list_with_or(self, clause: Clause) -> bool:
        """Whether the clauses from here to the end of the list are joined by "or" ("rub, squeeze or pop")."""
        sentence = self.analysis.sentences[clause.sentence]
        for index in range(clause.start, sentence.end):
            form = self.forms[index]
            if form in {"or", "nor"}:
                return True
            if form in {"and", "but", ";", "then", "instead"} or self.lemmas[index] in SUBORDINATORS:
                return False
        return False

    def _negated_verb(self, clause: Clause) -> int | None:
        """The first verb in the clause's forbidden words."""
        for index in range(clause.start, clause.end):
            if self.polarity[index] and self.lemmas[index] in VERBS and self.lemmas[index] not in AVOID:
                return index
        return None

    def _paint(self, clause: Clause, state: Polarity) -> None:
        """Walk the clause's tokens and give each its polarity."""
        lemmas, forms, polarity = self.lemmas, self.forms, self.polarity
        start, end = clause.start, clause.end
        index = start
        resume: Polarity | None = None
        while index < end:
            word = lemmas[index]
            previous = lemmas[index - 1] if index > start else ""
            following = lemmas[index + 1] if index + 1 < end else ""
            if resume is not None and forms[index] == "," :
                state, resume = resume, None
            polarity[index] = state
            if word == "not":
                state = self._after_not(clause, index, previous, following, state)
            elif word == "never":
                state = _toggle(state, Polarity.FORBIDDEN) if following not in {"mind"} else state
                if previous in MODALS and following == "be":
                    self._paint_range(start, index, Polarity.FORBIDDEN)
            elif word in AVOID and previous not in {"to", "help"}:
                if previous == "be" or forms[index].endswith("ed"):
                    self._paint_range(start, index, Polarity.FORBIDDEN)
                elif not (word == "discourage" and following in {"the", "them", "him"} and "from" not in lemmas[index:end]):
                    state = _toggle(state, Polarity.FORBIDDEN)
            elif word in AVOID:
                resume = state
                state = Polarity.DENIED
            elif word in {"without", "prevent"}:
                resume = state
                state = Polarity.AFFIRMED if state in {Polarity.FORBIDDEN, Polarity.DENIED} else Polarity.DENIED
            elif (word in {"instead", "rather"} and following in {"of", "than"}) or (word == "place" and previous == "in" and following == "of"):
                resume = state
                state = Polarity.FORBIDDEN
            elif resume is not None and word in VERBS and forms[index] == word and word not in NOUN_VERBS and previous not in {"than", "of", "to", "and", "or"}:
                state, resume = resume, None
                polarity[index] = state
            elif word == "steer" or (word in {"stay", "keep"} and following == "away" ):
                state = _toggle(state, Polarity.FORBIDDEN) if "from" in lemmas[index : index + 4] or word == "steer" else state
            elif word in INVERSE and previous != "without":
                kind = Polarity.FORBIDDEN if word in {"delay", "skip", "postpone", "refuse", "neglect"} else Polarity.DENIED
                if word == "delay" and following in {"treatment", "care", "help", ",", "."}:
                    pass
                elif word == "delay" and previous in {"without", "not"} and forms[index] == "delay" and not following:
                    pass
                else:
                    state = Polarity.AFFIRMED if state in {Polarity.FORBIDDEN, Polarity.DENIED, Polarity.SHARED} else kind
            elif word in {"afraid", "scared", "reluctant", "shy"}:
                state = Polarity.AFFIRMED if state in {Polarity.FORBIDDEN, Polarity.DENIED} else Polarity.DENIED
            elif word in CEASE and self._ceases(index, end):
                state = Polarity.AFFIRMED if state in {Polarity.FORBIDDEN, Polarity.DENIED} else Polarity.CEASED
            elif word == "against" and previous in {"advise", "warn", "recommend", "caution", "counsel", "decide", "guideline"}:
                state = _toggle(state, Polarity.FORBIDDEN)
            elif word == "nothing" and following not in {"but", "else", "except", "to"}:
                if index - start <= 3:
                    self._paint_range(start, index, Polarity.FORBIDDEN)
                state = Polarity.FORBIDDEN
            elif word == "nothing" and following == "to" and lemmas[index + 2 : index + 3] in (["eat"], ["drink"]):
                self._paint_range(start, index, Polarity.FORBIDDEN)
                state = Polarity.FORBIDDEN
            elif word == "no":
                state = self._after_no(clause, index, following, state)
            elif word == "than" and {"better", "safer", "prefer", "wise", "sooner", "rather"} & set(lemmas[start:index]):
                resume = state
                state = Polarity.DENIED
            elif word in {"nor", "neither"}:
                state = Polarity.FORBIDDEN
            elif word in WARNINGS and self._warns(index, end):
                state = _toggle(state, Polarity.FORBIDDEN)
            elif word in {"tempt", "temptation", "urge"}:
                state = Polarity.FORBIDDEN
            index += 1
        clause.ending = state
        self._evaluate(clause)

    def _after_not(self, clause: Clause, index: int, previous: str, following: str, state: Polarity) -> Polarity:
        lemmas, end = self.lemmas, clause.end
        if following in {"just", "only", "simply"} and previous == "do":
            return _toggle(state, Polarity.FORBIDDEN)
        if following in {"only", "just", "merely", "simply", "necessarily", "least", "sure"} or previous in {"or", "why"} and following in {"", "."}:
            return state
        if previous == "be" or (previous in {"can", "may", "will", "could", "would"} and following in {"help", "work"}):
            near = set(lemmas[index + 1 : index + 4])
            if near & APPROVALS and not near & WARNINGS:
                self._paint_range(clause.start, index, _toggle(state, Polarity.FORBIDDEN))
                return _toggle(state, Polarity.FORBIDDEN)
        if previous in {"should", "must", "shall", "may", "can", "ought", "need"} and following == "be":
            self._paint_range(clause.start, index, Polarity.FORBIDDEN)
            return Polarity.FORBIDDEN
        if previous in {"should", "must", "shall", "ought", "need", "to", ""}:
            return _toggle(state, Polarity.FORBIDDEN)
        if previous == "do" and self.forms[index - 1] == "do":
            subject = lemmas[index - 2] if index - 2 >= clause.start else ""
            if subject in {"they", "we", "i", "people", "symptom", "sign", "who", "these", "those"}:
                return _toggle(state, Polarity.DENIED)
            return _toggle(state, Polarity.FORBIDDEN)
        if clause.mode == "condition":
            return _toggle(state, Polarity.DENIED)
        if previous in {"please", ",", ":", "but", "and", "or", "also", "better", "best"}:
            return _toggle(state, Polarity.FORBIDDEN)
        return _toggle(state, Polarity.DENIED)

    def _after_no(self, clause: Clause, index: int, following: str, state: Polarity) -> Polarity:
        if following in {",", ".", "!", ":", ";", "-", "longer", "more", "later", "less", "matter", "doubt", "sooner", "", "1", "other"}:
            return state
        if following in {"need", "reason", "point", "use", "benefit", "one", "requirement", "sense"}:
            return _toggle(state, Polarity.FORBIDDEN)
        if self.lemmas[index - 1] == "be" and index > clause.start:
            return _toggle(state, Polarity.DENIED)
        near = range(max(clause.start, index - 3), index)
        if any(self.lemmas[k] in VERBS for k in near) and not {",", "with", "and", "or", "but"} & set(self.forms[near.start : index]):
            self._paint_range(clause.start, index, Polarity.FORBIDDEN)
        return Polarity.FORBIDDEN

    def _ceases(self, index: int, end: int) -> bool:
        """Whether "stop" ends an act of the helper rather than something in the casualty."""
        for k in range(index + 1, min(end, index + 5)):
            form, word = self.forms[k], self.lemmas[k]
            if form in BODY_PROCESSES or form in ",;:." or word in {"bleed", "blood", "burn", "when", "if", "until"}:
                return False
            if word in HELPER_NOUNS or (form.endswith("ing") and word in VERBS):
                return True
            if word not in DETERMINERS and word not in ADVERBS and word != "with":
                return False
        return False

    def _warns(self, index: int, end: int) -> bool:
        """Whether "it is dangerous to ..." begins here."""
        return "to" in self.lemmas[index + 1 : min(end, index + 5)] and any(
            w == "be" for w in self.lemmas[max(0, index - 5) : index]
        )

    def _evaluate(self, clause: Clause) -> None:
        """A predicate after the act ("... is dangerous", "... should be avoided") forbids its subject."""
        lemmas, forms = self.lemmas, self.forms
        head = self._skip_adverbs(clause.start, clause.end)
        if head >= clause.end or clause.mode == "condition":
            return
        word, form = lemmas[head], forms[head]
        if word in VERBS and (form == word or form == "lay") and not (word in NOUN_VERBS and self._is_subject(head, clause.end)):
            return
        if word in {"not", "never", "do", "you"} or word in AVOID:
            return
        link = next((k for k in range(head + 1, clause.end) if lemmas[k] in _FINITE and not forms[k].endswith("ing") and lemmas[k - 1] != "to"), None)
        if link is None or any(self.polarity[k] for k in range(head, link)):
            return
        predicate = range(link, clause.end)
        bad = any(lemmas[k] in NEGATIVE for k in predicate)
        denied = any(lemmas[k] in {"not", "never", "no"} for k in predicate)
        too = any(lemmas[k] == "too" and k + 1 < clause.end for k in predicate)
        good = any(lemmas[k] in POSITIVE for k in predicate) and not too
        gerund = form.endswith("ing") and word in VERBS
        if (bad and not denied and not good) or (denied and not bad and (good or gerund)):
            self._paint_range(clause.start, link, Polarity.FORBIDDEN)

    def _is_subject(self, head: int, end: int) -> bool:
        return any(self.lemmas[k] in {"be", "can", "may", "should", "must", "will", "might", "could"} for k in range(head + 1, min(end, head + 8)))

    def _paint_range(self, start: int, end: int, value: Polarity) -> None:
        for index in range(start, end):
            self.polarity[index] = value

    # -- conditions, pronouns, sentence ------------------------------------------------------------

    def _attach_conditions(self, first: int, sentence: Sentence) -> None:
        """Give each clause the conditions under which it holds."""
        clauses = self.analysis.clauses
        leading: list[int] = []
        after_main = False
        for index in range(first, len(clauses)):
            clause = clauses[index]
            if clause.mode == "condition":
                before = self.lemmas[clause.start - 1] if clause.start > sentence.start else ""
                trails = after_main and before not in {",", "and", "but", "or", ";", ":", "then"}
                last = index == len(clauses) - 1
                if trails or (after_main and last):
                    for other in range(index - 1, first - 1, -1):
                        if clauses[other].mode == "condition":
                            break
                        clauses[other].conditions.append(index)
                        clauses[other].exception |= clause.opener == "unless"
                    leading = []
                    after_main = False
                elif index > first and clauses[index - 1].mode == "condition" and not after_main:
                    leading.append(index)
                else:
                    leading = [index]
                    after_main = False
                negated = "not" in self.lemmas[clause.start + 1 : clause.start + 3]
                clause.flips = negated and clause.end - clause.start <= 4
            else:
                if self.forms[clause.start] == "otherwise":
                    leading, clause.flips = [], True
                clause.conditions.extend(leading)
                clause.exception |= any(clauses[k].opener == "unless" for k in leading)
                after_main = True

    def _antecedents(self, first: int) -> None:
        clauses = self.analysis.clauses
        for index in range(first, len(clauses)):
            clause = clauses[index]
            if clause.opener in {"if", "whether"} and index > first and _ASKING & set(self.lemmas[clauses[index - 1].start : clause.start]):
                clauses[index - 1].embeds = index
            same = index > 0 and clauses[index - 1].sentence == clause.sentence
            if index and self._refers_back(clause, same):
                clause.antecedent = index - 1
                here = self.analysis.sentences[clause.sentence]
                if not same and here.opens:
                    clause.antecedent = -1

    def _refers_back(self, clause: Clause, same_sentence: bool) -> bool:
        """Whether an object pronoun ("rub it in") means something named before; "them" is mostly the casualty."""
        for index in range(clause.start + 1, clause.end):
            form = self.forms[index]
            if form in _PRONOUN_OBJECTS and (form != "them" or same_sentence):
                following = self.lemmas[index + 1] if index + 1 < clause.end else ""
                if following not in AUXILIARIES and any(
                    self.lemmas[k] in VERBS for k in range(max(clause.start, index - 3), index)
                ):
                    return True
        return False

    def _sentence_marks(self, first: int, sentence: Sentence) -> None:
        """Apply what the whole sentence, or the heading above it, says of its acts."""
        clauses = self.analysis.clauses
        plain = self._plain(sentence)
        myth = bool(_MYTH_PHRASES.search(plain)) or bool(
            MYTHS & set(self.lemmas[sentence.start : sentence.end])
        )
        if myth and (_NOT_A_MYTH.search(plain) or (_EXPERTS.search(plain) and not MYTHS & set(self.lemmas[sentence.start : sentence.end]) and "wrong" not in plain)):
            myth = False
        for clause in clauses[first:]:
            if sentence.question and clause.mode != "condition":
                clause.mode = "question"
            elif myth and not (clause.start > sentence.start and "but" in self.forms[max(sentence.start, clause.start - 2) : clause.start]):
                if clause.mode == "main" and not any(self.polarity[k] == Polarity.FORBIDDEN for k in range(clause.start, clause.end)):
                    clause.mode = "report"
            if sentence.rule == "forbid":
                if sentence.opens:
                    self._flip(clause)
                elif clause.mode == "main" and self.forms[clause.start] != "instead":
                    clause.mode = "unclear"
            elif sentence.rule == "myth" and clause.mode == "main":
                clause.mode = "report"
            elif sentence.rule == "condition" and sentence.opens and clause.mode == "main":
                clause.mode = "condition"

    def _flip(self, clause: Clause) -> None:
        """Under "What not to do:" bare instructions are forbidden; a "don't" stays one."""
        inverse = {INVERSE_WORD for INVERSE_WORD in self.lemmas[clause.start : clause.start + 2]} & INVERSE
        for index in range(clause.start, clause.end):
            if inverse:
                self.polarity[index] = Polarity.AFFIRMED
            elif self.polarity[index] in {Polarity.AFFIRMED, Polarity.SHARED, Polarity.CEASED}:
                self.polarity[index] = Polarity.FORBIDDEN if self.polarity[index] is not Polarity.CEASED else Polarity.AFFIRMED

    def look_back(self) -> None:
        """Let a sentence that judges the one before ("That is a myth.") or answers it ("Yes.") act on it."""
        analysis = self.analysis
        for index in range(1, len(analysis.sentences)):
            here, before = analysis.sentences[index], analysis.sentences[index - 1]
            plain = self._plain(here)
            if before.question and re.match(r"\W*(?:yes|yeah|sure|absolutely|of course|definitely|certainly)\b", plain):
                for clause in analysis.clauses:
                    if clause.sentence == index - 1 and clause.mode == "question":
                        clause.mode = "main"
            elif (_EVALUATED.search(plain) or _REJECTED.match(plain)) and _HEARSAY.search(self._plain(before)):
                for clause in analysis.clauses:
                    if clause.sentence == index - 1 and clause.mode == "main":
                        clause.mode = "report"

    def _plain(self, sentence: Sentence) -> str:
        tokens = self.analysis.tokens
        if sentence.start >= sentence.end:
            return ""
        return " ".join(tokens.forms[sentence.start : sentence.end])


def _toggle(state: Polarity, by: Polarity) -> Polarity:
    return Polarity.AFFIRMED if state in {Polarity.FORBIDDEN, Polarity.DENIED} else by
