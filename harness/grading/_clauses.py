"""Sentences to clauses: who is told to do what, with what polarity, and in which state of the casualty."""

import re
from itertools import pairwise

from ._blocks import Sentence, sentences
from ._mode import (
    agrees,
    answers_yes,
    denies_ban,
    mode_of,
    proposes,
    refused,
    says_no,
    takes_back,
    tells_myth,
)
from ._model import Analysis, Clause, Polarity
from ._past import endorses, tells_of_the_past
from ._polarity import Painter
from ._split import CONDITIONAL, Splitter, Start, skip_adverbs
from ._text import tokenise
from ._words import AUXILIARIES, FINITE, INVERSE, MYTHS, VERBS, words

__all__ = ["Analysis", "Clause", "Polarity", "analyse"]

_ASKING = words(
    "check see determine assess find look observe ask know tell establish verify sure confirm feel listen"
)
_SPEAKER = re.compile(r"^\W*(?:q|a|question|answer)(?: \d+)? [:.] ")  # "Q: Should I ...", "A: No."
_STOPS = frozenset(";:-")
_REJECTED = words("no never wrong false myth untrue")
_SHORT_CONDITION = 5  # "if they are not"
_PRONOUN_OBJECTS = words("it them this these those one some")


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
    """Reads sentences in order; what one says may colour the one before."""

    def __init__(self, analysis: Analysis):
        self.analysis = analysis
        self.clauses = analysis.clauses
        self.forms = analysis.tokens.forms
        self.lemmas = analysis.tokens.lemmas
        self.plains = [
            _SPEAKER.sub("", " ".join(self.forms[part.start : part.end])) for part in analysis.sentences
        ]
        self.splitter = Splitter(analysis.tokens)
        self.painter = Painter(analysis.tokens, analysis.polarity, self.splitter)

    def read(self, index: int) -> None:
        """Divide one sentence into clauses and judge each."""
        sentence = self.analysis.sentences[index]
        starts = self._with_consequence(self.splitter.starts(sentence.start, sentence.end), sentence)
        first = len(self.clauses)
        for number, (start, link, opener) in enumerate(starts):
            end = starts[number + 1].token if number + 1 < len(starts) else sentence.end
            if start < end:
                self._add(Clause(start, end, index, opener=opener), link, first, sentence)
        self._split_subjects(first)
        self._share_judgement(first)
        self._antecedents(first)
        self._attach_conditions(first, sentence)
        self._sentence_marks(first, sentence, self.plains[index])

    def _with_consequence(self, starts: list[Start], sentence: Sentence) -> list[Start]:
        """A condition with nothing after it is one up to its comma: "if she cannot swallow, 999"."""
        last = starts[-1]
        opens = last.token == sentence.start or self.forms[last.token - 1] in _STOPS
        if last.opener not in CONDITIONAL or not opens:
            return starts
        comma = next((k for k in range(last.token, sentence.end - 1) if self.forms[k] == ","), None)
        return starts if comma is None else [*starts, Start(comma + 1, ",", "")]

    def _add(self, clause: Clause, link: str, first: int, sentence: Sentence) -> None:
        here = len(self.clauses)
        previous = self.clauses[-1] if here > first else None
        self.clauses.append(clause)
        clause.mode = mode_of(self.analysis.tokens, clause, previous)
        state = Polarity.AFFIRMED
        if previous is not None:
            if self._goes_on(clause, previous, link, sentence):
                clause.mode = "reason" if previous.judged else previous.mode
            before = here - 1
            if link in {"or", "nor"}:  # "never give pills before they are alert, or do CPR ..."
                before = next(
                    (k for k in range(here - 1, first - 1, -1) if self.clauses[k].mode != "condition"), before
                )
            state, clause.shares = self.painter.carried(
                clause, self.clauses[before], before, link, sentence.end
            )
        self.painter.paint(clause, state)
        self.analysis.clause_of[clause.start : clause.end] = [here] * (clause.end - clause.start)

    def _goes_on(self, clause: Clause, previous: Clause, link: str, sentence: Sentence) -> bool:
        """Whether a bare verb goes on with what the clause before explains ("it can swell and block ...")."""
        describes = previous.mode in {"reason", "report"} or previous.judged
        if not describes or clause.mode != "main" or clause.opener or link not in {"and", "or", ",", "&"}:
            return False
        fronted = bool(previous.opener) and previous.start == sentence.start
        if previous.opener == "by" or (link == "," and (fronted or previous.opener == "where")):
            return False  # "Because she has vomited, turn her ...", "stay where you are, sit down"
        form = self.forms[clause.start]
        return form == self.lemmas[clause.start] or form.endswith("ing")

    def _split_subjects(self, first: int) -> None:
        """A subject in the -ing form that "who ..." parts from its predicate orders nothing."""
        for clause, following in pairwise(self.clauses[first:]):
            head = self.forms[clause.start]
            subject = head.endswith("ing") and self.lemmas[clause.start] in VERBS and clause.mode == "main"
            if (
                subject
                and not clause.opener
                and following.opener in {"who", "which", "where"}
                and FINITE.isdisjoint(self.lemmas[clause.start + 1 : clause.end])
            ):
                clause.mode = "report"

    def _attach_conditions(self, first: int, sentence: Sentence) -> None:
        """Give each clause the conditions under which it holds."""
        leading: list[int] = []
        after_main = False
        for index in range(first, len(self.clauses)):
            clause = self.clauses[index]
            if clause.embedded:
                continue
            if clause.mode != "condition":
                if self.forms[clause.start] == "otherwise":
                    leading, clause.flips = [], True
                clause.conditions.extend(leading)
                after_main = True
                continue
            before = self.lemmas[clause.start - 1] if clause.start > sentence.start else ""
            trails = after_main and before not in {",", "and", "but", "or", ";", ":", "then"}
            if trails or (after_main and index == len(self.clauses) - 1):
                for other in range(index - 1, first - 1, -1):
                    if self.clauses[other].mode == "condition":
                        break
                    self.clauses[other].conditions.append(index)
                leading, after_main = [], False
            elif index > first and self.clauses[index - 1].mode == "condition" and not after_main:
                leading.append(index)
            else:
                leading, after_main = [index], False
            end = clause.end
            while end > clause.start and not self.forms[end - 1].isalpha():
                end -= 1
            clause.flips = end - clause.start <= _SHORT_CONDITION and self.lemmas[end - 1] == "not"

    def _share_judgement(self, first: int) -> None:
        """Two subjects in the -ing form have one predicate: "pressing there or lifting it is a mistake"."""
        polarity = self.analysis.polarity
        for following, clause in pairwise(reversed(self.clauses[first:])):
            joined = self.forms[clause.end - 1] in {"or", "and", ","}
            if not joined or self._gerund(clause) is None:
                continue
            if not FINITE.isdisjoint(self.lemmas[clause.start + 1 : clause.end]):
                continue
            head = self._gerund(following)
            if head is not None and polarity[head] in {Polarity.FORBIDDEN, Polarity.DENIED}:
                for index in range(clause.start, clause.end):
                    polarity[index] = polarity[head]

    def _gerund(self, clause: Clause) -> int | None:
        """Return the token of the -ing form that a clause begins with, if it does."""
        head = skip_adverbs(self.analysis.tokens, clause.start, clause.end)
        begins = head < clause.end and self.forms[head].endswith("ing") and self.lemmas[head] in VERBS
        return head if begins else None

    def _antecedents(self, first: int) -> None:
        """Find what pronouns point to, and which clauses are asked about."""
        for index in range(first, len(self.clauses)):
            clause = self.clauses[index]
            if index == 0:
                continue
            previous = self.clauses[index - 1]
            same = previous.sentence == clause.sentence
            if (
                same
                and clause.opener in {"if", "whether"}
                and _ASKING & set(self.lemmas[previous.start : clause.start])
            ):
                previous.embeds, clause.embedded = index, True
            if (same or not self.analysis.sentences[clause.sentence].opens) and self._refers_back(
                clause, same
            ):
                clause.antecedent = index - 1

    def _refers_back(self, clause: Clause, same_sentence: bool) -> bool:
        """Whether an object pronoun ("rub it in") means a thing; "them" is mostly the casualty."""
        if _PRONOUN_OBJECTS.isdisjoint(self.forms[clause.start + 1 : clause.end]):
            return False
        for index in range(clause.start + 1, clause.end):
            form = self.forms[index]
            if form not in _PRONOUN_OBJECTS or (form == "them" and not same_sentence):
                continue
            following = self.lemmas[index + 1] if index + 1 < clause.end else ""
            acted_on = any(self.lemmas[k] in VERBS for k in range(max(clause.start, index - 3), index))
            if acted_on and following not in AUXILIARIES:
                return True
        return False

    def _sentence_marks(self, first: int, sentence: Sentence, plain: str) -> None:
        """Apply what the whole sentence, or the heading above it, says of its acts."""
        if denies_ban(plain):
            self._lift_bans(first)
            return
        named = set(self.lemmas[sentence.start : sentence.end])
        myth = tells_myth(plain, named) or tells_of_the_past(plain)
        reported = myth or any(clause.mode == "report" for clause in self.clauses[first:])
        praised = reported and MYTHS.isdisjoint(named) and endorses(plain)
        myth = myth and not praised
        for clause in self.clauses[first:]:
            if sentence.question and clause.mode != "condition" and not proposes(plain):
                clause.mode = "question"
            elif myth and clause.mode == "main" and not self._after_but(clause, sentence):
                forbidden = Polarity.FORBIDDEN in self.analysis.polarity[clause.start : clause.end]
                clause.mode = "main" if forbidden else "report"
            elif praised and clause.mode == "report" and not sentence.rule:
                clause.mode = "main"
            if sentence.rule == "forbid":
                if sentence.opens or sentence.listed:
                    self._flip(clause)
                    if sentence.listed and clause.mode == "main":  # may be the first thing to do, unmarked
                        clause.mode = "unclear"
                elif clause.mode == "main" and self.forms[clause.start] != "instead":
                    clause.mode = "unclear"
            elif sentence.rule == "myth" and clause.mode == "main":
                clause.mode = "report"
            elif sentence.rule == "condition" and sentence.opens and clause.mode == "main":
                clause.mode = "condition"

    def _lift_bans(self, first: int) -> None:
        """Let every clause from ``first`` on advise what it names."""
        for clause in self.clauses[first:]:
            clause.mode = "main"
            for index in range(clause.start, clause.end):
                self.analysis.polarity[index] = Polarity.AFFIRMED

    def _after_but(self, clause: Clause, sentence: Sentence) -> bool:
        return "but" in self.forms[max(sentence.start, clause.start - 2) : clause.start]

    def _flip(self, clause: Clause) -> None:
        """Under "What not to do:" bare instructions are forbidden; a "don't" stays one."""
        inverse = bool(INVERSE & set(self.lemmas[clause.start : clause.start + 2]))
        polarity = self.analysis.polarity
        for index in range(clause.start, clause.end):
            if inverse and self.lemmas[index] in INVERSE:
                polarity[index] = Polarity.FORBIDDEN  # "skip the breaths": the breaths are wanted
            elif inverse or polarity[index] is Polarity.CEASED:
                polarity[index] = Polarity.AFFIRMED
            elif polarity[index] in {Polarity.AFFIRMED, Polarity.SHARED}:
                polarity[index] = Polarity.FORBIDDEN

    def look_back(self) -> None:
        """Let a sentence that judges the one before ("That is a myth.") or answers it ("Yes.") act on it."""
        for left, right in pairwise(self.clauses):
            together = left.sentence == right.sentence and self.forms[left.end - 1] == ":"
            if together and says_no(" ".join(self.forms[right.start : right.end])):
                self._ban(left.start, left.end)  # "Butter on it: never."
        self._ban_before_brackets()
        parts, plains = self.analysis.sentences, self.plains
        reports = {clause.sentence for clause in self.clauses if clause.mode == "report"}
        for index, (before, plain) in enumerate(pairwise(plains)):
            if parts[index].question and answers_yes(plain):
                self._turn(index, "question", "main")
            elif parts[index].question and refused(before, plain):
                self._forbid(index)
            elif takes_back(plain, before):
                self._turn(index, "main", "report")
            elif index in reports and (agrees(plain) or (tells_of_the_past(before) and endorses(plain))):
                self._turn(index, "report", "main")

    def _ban_before_brackets(self) -> None:
        """Let words forbid that a bracket rejects: "Salt water up the nose (no: ...)"."""
        owner = self.analysis.clause_of
        for index, (mark, word) in enumerate(pairwise(self.forms)):
            if mark == "(" and word in _REJECTED and owner[index] == owner[index + 1] >= 0:
                self._ban(self.clauses[owner[index]].start, index)

    def _ban(self, start: int, end: int) -> None:
        """Let words forbid what they affirm."""
        for index in range(start, end):
            if self.analysis.polarity[index] is Polarity.AFFIRMED:
                self.analysis.polarity[index] = Polarity.FORBIDDEN

    def _forbid(self, sentence: int) -> None:
        """Let a question that is answered with no forbid what it asks about."""
        for clause in self.clauses:
            if clause.sentence == sentence and clause.mode == "question":
                clause.mode = "main"
                self._ban(clause.start, clause.end)

    def _turn(self, sentence: int, mode: str, into: str) -> None:
        for clause in self.clauses:
            if clause.sentence == sentence and clause.mode == mode:
                clause.mode = "main" if into == "main" else "report"
