"""What a clause does with each of its words: affirms, denies, forbids or ends it."""

from itertools import pairwise

from ._lemmas import is_base_form, verbs
from ._mode import speaks_ill, speaks_well
from ._model import Clause, Polarity
from ._split import Splitter, skip_adverbs
from ._text import Tokens
from ._words import (
    ADVERBS,
    APPROVALS,
    ATTITUDES,
    AUXILIARIES,
    AVOID,
    BODY_PROCESSES,
    CEASE,
    DETERMINERS,
    DISMISSALS,
    EXPERTS,
    FINITE,
    HELPER_NOUNS,
    INVERSE,
    MODALS,
    NOUN_VERBS,
    PERSON_SUBJECTS,
    POSITIVE,
    STATES,
    SUBJECTS,
    VERBS,
    WARNINGS,
    words,
)

AFFIRMED, DENIED, FORBIDDEN, SHARED, CEASED = Polarity
_NEGATED = frozenset({FORBIDDEN, DENIED})
_CARRIED = frozenset({FORBIDDEN, DENIED, SHARED})
_ANEW = words("not never avoid skip")
_FRESH = words("instead then just simply immediately always rather please only")
_ADDRESSED = words("you please and also so but or just kindly always then if ever") | {
    ",",
    ":",
    "-",
    '"',
    "(",
    ")",
}
_JOINTS = words("and but or so please you") | {",", ":", "-"}
_POSTURES, _PLACED = words("sit stand rush"), words("it them him her the your")
_STRONG_INVERSE = words("delay skip postpone refuse neglect")
# "Forget about cooling it" bans; "forget to cool it" does not.
_FORGOTTEN = words("about the any all that those")
_NO_NEGATION = words("only just merely simply necessarily least sure all every everyone everything always")
_UNBINDING = words("can could will would may might")
_TRIED = words("attempt fail forget have hesitate need neglect not ought refuse remember try want")
_LOST = words("lose waste spare")  # "do not lose a second: ..."
_HARMS = words("harm danger risk problem")
_LACKS = words("difficulty inability unable failure risk danger lack consequence")
_NEED = words("need reason point use benefit one requirement sense")
_LEAVE = words(
    "permission consent leave approval prescription certificate licence license training course "
    "train expert qualified"
)
_TOO = words("much many big strong hard heavy hot risky dangerous late slow rough")
_STATED_AFTER = words("and or but") | {"", ",", ":", ";", "-"}
_NO_DENIAL = words("longer more later less matter doubt sooner other one's , . ! : ; -") | {""}
_KEPT = words("him her them")
_DONE = VERBS - words("bleed choke lose breathe get cough")  # by somebody, not suffered
_PEOPLE = words("""
    other others people everybody everyone anybody anyone bystander onlooker crowd child kid baby pet dog him
    them her me us animal casualty public spectator traffic
""")
_EXPERTS_JOB = words("job task work matter business")
_RULED_OUT = words("instead rather place never not")
_BEFORE_PLACE, _AFTER_PLACE = words("and but") | {","}, words("and then") | {","}
_PLACES = words("on over in into at under above below near against across inside behind through")
_MEANT = words("it them him her this that")
_AT = words("under on in at for by")
_OCCASIONS = words("circumstance account case event point time stage way")
_PURPOSES = words("as order or whether than so")  # "so as not to move him" bids nothing
_WISHES, _HOLDING = words("want need should"), words("keep stop hold bar dissuade")
_SAYINGS = words("advice tip suggestion idea anyone anybody people those recommendation claim")
_AVAILS, _COMPARING = words("help work do soothe"), words("as than like")
_ADVISERS = words("advise warn recommend caution counsel decide guideline")
_URGED = words("important critical need best try have sure")
_MERELY = words("just only merely simply")
_DOES_WELL = POSITIVE | words("take need require do be have give let allow keep get bring")
_BETTER = words("better safer prefer wise sooner rather")
_JUDGEMENTS = WARNINGS | words(
    "myth outdated harm avoid discourage prohibit ineffective unhelpful useless unneeded needless "
    "forbid obsolete substitute insufficient"
)


_OF_SUBJECTS = (AUXILIARIES & MODALS) | {"be"}
# Every word that can turn the polarity of what follows it.
_TURNING = (
    AVOID | INVERSE | CEASE | WARNINGS | _LACKS
    | words("""
        not never without prevent instead rather place than steer stay keep afraid scared reluctant shy
        against nothing nobody free clear empty no nor neither tempt temptation urge but replace substitute
        leave hold put thing from ignore regret up off
    """)
)  # fmt: skip


class Painter:
    """Gives every token of a text its polarity, clause by clause."""

    def __init__(self, tokens: Tokens, polarity: list[Polarity], splitter: Splitter):
        self.tokens = tokens
        self.forms = tokens.forms
        self.lemmas = tokens.lemmas
        self.polarity = polarity
        self.splitter = splitter

    # -- from clause to clause --------------------------------------------------------------------

    def carried(  # noqa: PLR0911 - cases, in order
        self, clause: Clause, previous: Clause, index: int, link: str, sentence_end: int
    ) -> tuple[Polarity, int]:
        """What is left of the polarity of the clause before, and the clause whose fate this one shares."""
        nothing = (AFFIRMED, -1)
        if previous.mode == "condition" or {previous.ending, previous.local}.isdisjoint(_CARRIED):
            return nothing
        if clause.opener:
            return (previous.ending, -1) if clause.opener == "by" else nothing
        if link in {"but", "then", "so", "instead", ";", "yet", "sub"}:
            return nothing
        lemmas, forms = self.lemmas, self.forms
        head = skip_adverbs(self.tokens, clause.start, clause.end)
        fresh = _FRESH & set(forms[clause.start : head])
        if link == "or":
            fresh -= {"only"}  # "do not stay inside or only open a window"
        if head >= clause.end or fresh or self._says_instead(clause):
            return nothing
        starts_anew = lemmas[head] in _ANEW or lemmas[head : head + 2] == ["do", "not"]
        if starts_anew or lemmas[head] in SUBJECTS:
            return nothing
        verb = self._negated_verb(previous)
        same_form = verb is not None and forms[head].endswith("ing") == forms[verb].endswith("ing")
        if link == ":":
            bare = verb is None or (lemmas[verb] == "do" and previous.end - verb <= 3)
            clause.listed = (bare and not _LOST & set(lemmas[previous.start : previous.end])) or bool(
                {"following", "these"} & set(forms[previous.start : previous.end])
            )
            return (previous.ending, -1) if clause.listed else nothing
        if previous.listed:
            clause.listed = True
            return previous.ending, -1
        if link in {"or", "nor"}:
            return previous.local, previous.shares
        gerund = verb is not None and forms[verb].endswith("ing")
        only = link == "and" and {"just", "simply"} & set(forms[previous.start : previous.end])
        attitude = verb is not None and not gerund and not only and self._is_attitude(verb, lemmas[head])
        # "Do not wait, watch or drive off without calling": only bans end in what must not be lacking.
        listed = link == "," and self._list_with_or(clause, sentence_end)
        lacking = listed and "without" in forms[clause.start : sentence_end]
        if not same_form or (attitude and not lacking):
            return nothing
        if gerund or listed:
            return previous.ending, previous.shares
        if link in {"and", "&", "plus"}:
            return SHARED, previous.shares if previous.ending is SHARED else index
        return nothing

    def _is_attitude(self, verb: int, following: str) -> bool:
        """Whether a verb names no act: "do not panic", "do not sit and watch"; "sit him up" names one."""
        word = self.lemmas[verb]
        acted_on = word in _POSTURES and self.forms[verb + 1] in _PLACED
        return word in ATTITUDES and not acted_on and (word, following) != ("wait", "see")

    def _says_instead(self, clause: Clause) -> bool:
        """Whether "instead" belongs to this clause and not to the one that it leads over to."""
        end = clause.end
        while end > clause.start and self.forms[end - 1] in {"instead", "and", "but", ",", "or"}:
            end -= 1
        within = [*self.forms[clause.start : end], ""]
        return any(form == "instead" and following != "of" for form, following in pairwise(within))

    def _list_with_or(self, clause: Clause, sentence_end: int) -> bool:
        """Whether the clauses from here to the end of the list are joined by "or" ("rub, squeeze or pop")."""
        for index in range(clause.start, sentence_end):
            form = self.forms[index]
            begins = self.splitter.begins(index + 1, sentence_end) or self._is_bare(index + 1, sentence_end)
            if form in {"or", "nor"} and begins:
                return True
            if form in {"and", "but", ";", "then", "instead"}:
                return False
        return False

    def _is_bare(self, index: int, end: int) -> bool:
        """Whether a verb in its base form stands there with its object: "or drink whisky"."""
        if index + 1 >= end:
            return False
        return self.lemmas[index] in VERBS and is_base_form(self.forms[index], self.lemmas[index])

    def _negated_verb(self, clause: Clause) -> int | None:
        """The first verb among the clause's forbidden words."""
        for index in range(clause.start, clause.end):
            if self.polarity[index] and self.lemmas[index] in VERBS and self.lemmas[index] not in AVOID:
                return index
        for index in range(clause.start + 1, clause.end):  # "never prop it up": a verb of no check
            if self.lemmas[index - 1] in {"not", "never"} and self.forms[index] in verbs():
                return index
        return None

    # -- within a clause --------------------------------------------------------------------------

    def paint(self, clause: Clause, state: Polarity) -> None:
        """Walk the clause's tokens and give each its polarity."""
        lemmas, forms, polarity = self.lemmas, self.forms, self.polarity
        start, end = clause.start, clause.end
        if _TURNING.isdisjoint(lemmas[start:end]):
            polarity[start:end] = [state] * (end - start)
            clause.ending = clause.local = state
            self._evaluate(clause)
            return
        resume: Polarity | None = None
        for index in range(start, end):
            word = lemmas[index]
            previous = lemmas[index - 1] if index > start else ""
            if resume is not None and (forms[index] in ",:" or self._resumes(index, previous)):
                state, resume = resume, None
            if word == "nothing" and previous in {",", "and"}:
                state, resume = AFFIRMED, None  # "no restraint, nothing in the mouth" lists two bans
            polarity[index] = state
            if word not in _TURNING:
                continue
            following = lemmas[index + 1] if index + 1 < end else ""
            if self._turns_locally(word, previous, following, lemmas[start:index]) or self._corrects(index):
                resume = state if resume is None else resume
                local = FORBIDDEN if word in _RULED_OUT else DENIED
                state = AFFIRMED if state in _NEGATED and not self._aims(clause, index) else local
            else:
                state = self._turned(clause, index, word, previous, following, state)
        clause.ending = state if resume is None else resume
        clause.local = state
        self._evaluate(clause)

    def _resumes(self, index: int, previous: str) -> bool:
        """Whether a bare verb ends "instead of ..." and the like."""
        word = self.lemmas[index]
        bare = word in VERBS and self.forms[index] == word and word not in NOUN_VERBS
        if self.forms[index] == "means":
            return True
        return bare and previous not in {"than", "of", "to", "and", "or"}

    def _aims(self, clause: Clause, index: int) -> bool:
        """Whether the word says what for: in "avoid questions to avoid nodding" neither is wanted."""
        before = self.lemmas[clause.start : index - 1][-1:]
        return self.lemmas[index] in AVOID and bool(before) and before[0] not in _TRIED

    def _turns_locally(self, word: str, previous: str, following: str, before: list[str]) -> bool:
        """Whether a negation begins that ends with the phrase: "instead of", "without", "to avoid"."""
        if word in AVOID:
            return previous == "to" and not _URGED & set(before)
        if word in {"instead", "rather"}:
            return following in {"of", "than"}
        if word == "place":
            return previous == "in" and following == "of"
        if word == "than":
            return previous != "rather" and bool(_BETTER & set(before))
        states = word in {"not", "no"} and following in STATES and previous in _STATED_AFTER
        lacks = word in _LACKS and not (word in {"risk", "danger"} and previous == "no")
        return states or lacks or word in {"without", "prevent"}

    def _turned(  # noqa: PLR0911, PLR0912, PLR0917 - cases, in order
        self, clause: Clause, index: int, word: str, previous: str, following: str, state: Polarity
    ) -> Polarity:
        """Return the polarity that holds after the word at ``index``."""
        lemmas, end = self.lemmas, clause.end
        if word == "not":
            return self._after_not(clause, index, previous, following, state)
        if word == "never":
            if previous in MODALS and following == "be":
                self._paint_range(clause.start, index, FORBIDDEN)
            return _toggle(state, FORBIDDEN)
        if word in AVOID:
            return self._after_avoid(clause, index, previous, following, state)
        if word == "steer" or (word in {"stay", "keep"} and following == "away"):
            away = word == "steer" or "from" in lemmas[index : index + 4]
            return _toggle(state, FORBIDDEN) if away else state
        if word in {"keep", "put"} and self._keeps_away(index, end):
            return _toggle(state, FORBIDDEN)
        if word == "leave" and self._leaves_out(index, end):
            return _toggle(state, FORBIDDEN)
        if (previous, word) == ("leave", "off") or (
            (previous, word) == ("give", "up") and self._ends_act(index)
        ):
            return _toggle(state, CEASED)  # "no one leaves off compressions", "never give up CPR"
        if word == "hold" and state in _NEGATED and self._puts_off(index, end):
            return AFFIRMED  # "do not hold it back", "never hold off on the pen"
        if word in INVERSE and previous != "without":
            if word == "delay" and following in {"treatment", "care", "help", ",", "."}:
                return state
            strong = word in _STRONG_INVERSE or (word == "forget" and following in _FORGOTTEN)
            kind = FORBIDDEN if strong and self.forms[index] == word else DENIED
            return AFFIRMED if state in {FORBIDDEN, DENIED, SHARED} else kind
        if word in {"afraid", "scared", "reluctant", "shy"}:
            return _toggle(state, DENIED)
        if word == "but":
            return AFFIRMED
        if word == "regret":
            return AFFIRMED if state in _NEGATED else DENIED
        if word == "thing" and self._is_worst(index):
            return _toggle(state, FORBIDDEN)
        if word == "from" and self._holds_back(clause, index):
            return _toggle(state, FORBIDDEN)
        if word == "stop" and self._stops_somebody(index):
            return _toggle(state, FORBIDDEN)
        if word == "ignore" and _SAYINGS & set(lemmas[index + 1 : index + 5]):
            return _toggle(state, FORBIDDEN)
        if word in {"replace", "substitute"}:
            return AFFIRMED if state in _NEGATED else state  # "should not replace calling for help"
        if word in CEASE and self._ceases(index, end):
            return _toggle(state, CEASED)
        if word == "against" and previous in _ADVISERS:
            return _toggle(state, FORBIDDEN)
        if word == "nothing":
            return self._after_nothing(clause, index, following, state)
        if word == "nobody":
            return self._after_nobody(clause, following, state)
        if word in {"free", "clear", "empty"} and following in {"of", "from"}:
            return _toggle(state, FORBIDDEN)
        if word == "no":
            return self._after_no(clause, index, following, state)
        if word in {"nor", "neither", "tempt", "temptation", "urge"}:
            return FORBIDDEN
        if word in WARNINGS and self._warns(index, end):
            return _toggle(state, FORBIDDEN)
        return state

    def _keeps_away(self, index: int, end: int) -> bool:
        """Whether a thing, not somebody, is to be kept away: "keep the dryer well away", "put it away"."""
        forms = self.forms[index + 1 : min(end, index + 12)]
        if "away" not in forms:
            return False
        at = forms.index("away")
        people = _PEOPLE | PERSON_SUBJECTS
        return (
            (forms[at + 1 : at + 2] != ["from"] or "mouth" in forms[at + 2 : at + 4])
            and (at == 0 or forms[at - 1] not in {"right", "straight"})
            and people.isdisjoint(forms[:at])
            and people.isdisjoint(self.lemmas[index + 1 : index + 1 + at])
        )

    def _leaves_out(self, index: int, end: int) -> bool:
        """Whether something is to be left out: "leave out the salt", "leave the drops out"."""
        forms = self.forms[index + 1 : min(end, index + 6)]
        if "out" not in forms:
            return False
        at = forms.index("out")
        following = forms[at + 1 : at + 2]
        return following != ["of"] if at == 0 else following == [] or following[0] in ",.:;!"

    def _ends_act(self, up: int) -> bool:
        """Whether an act is given up: "give up CPR", and not "give up to ten puffs"."""
        following = (self.forms[up + 1 : up + 2] or [""])[0]
        return following not in {"to", "on"} and not following.isdigit()

    def _puts_off(self, index: int, end: int) -> bool:
        """Whether an act is put off: "hold it back", "hold off on the second pen"."""
        return not {"back", "off"}.isdisjoint(self.forms[index + 1 : min(end, index + 3)])

    def _corrects(self, index: int) -> bool:
        """Whether a word rules out a place and no more: "beside the bone, never on it, and pad it"."""
        forms = self.forms[index - 1 : index + 4]
        return (
            len(forms) == 5
            and forms[1] in {"never", "not"}
            and forms[0] in _BEFORE_PLACE
            and forms[2] in _PLACES
            and forms[3] in _MEANT
            and forms[4] in _AFTER_PLACE
        )

    def _is_worst(self, index: int) -> bool:
        """Whether "the worst thing you can do is ..." or "the last thing you want is ..." begins here."""
        if self.forms[index - 1] == "worst":
            return True
        return self.forms[index - 1] == "last" and bool(_WISHES & set(self.lemmas[index + 1 : index + 4]))

    def _holds_back(self, clause: Clause, index: int) -> bool:
        """Whether somebody is kept from an act: "stop others from pulling at it"."""
        before = self.lemmas[max(clause.start, index - 5) : index]
        deed = self.forms[index + 1 : index + 2]
        held = any(word in _HOLDING for word in before[:-1]) and "away" not in before
        return held and bool(deed) and deed[0].endswith("ing")

    def _stops_somebody(self, index: int) -> bool:
        """Whether somebody is stopped, with no "from": "stop him rubbing it"."""
        who, deed = (*self.forms[index + 1 : index + 3], "", "")[:2]
        return who in _KEPT and deed.endswith("ing") and self.lemmas[index + 2] in _DONE

    def _after_not(  # noqa: PLR0911, PLR0912 - cases, in order
        self, clause: Clause, index: int, previous: str, following: str, state: Polarity
    ) -> Polarity:
        lemmas = self.lemmas
        if following in {"just", "only", "simply"} and previous == "do":
            return _toggle(state, FORBIDDEN)
        if following in _NO_NEGATION:
            return state
        if following in {"need", "have"} and _LEAVE & set(lemmas[index + 2 : index + 6]):
            return state  # "you do not need his permission to ring", "you do not have to be trained to press"
        if previous in {"or", "why"} and following in {"", "."}:
            return state
        if following == "go" and "wrong" in lemmas[index + 2 : index + 4]:
            return state  # "you cannot go wrong with ..."
        if previous == "be":
            near = set(lemmas[index + 1 : index + 4])
            if near & APPROVALS and not near & WARNINGS:
                self._paint_range(clause.start, index, _toggle(state, FORBIDDEN))
                return _toggle(state, FORBIDDEN)
        if following == "be" and previous in MODALS | {"need"}:
            done = self.forms[index + 2 : index + 3]
            passive = bool(done) and done[0].endswith(("ed", "en", "ught", "put", "pt", "ld", "ne", "wn"))
            kind = (
                FORBIDDEN
                if passive and previous not in {"can", "could", "will", "would", "may", "might"}
                else DENIED
            )
            self._paint_range(clause.start, index, kind)
            return kind
        if previous in {"should", "must", "shall", "ought", "need", "to", ""}:
            return _toggle(state, FORBIDDEN)
        if following == "to" and previous not in _PURPOSES and clause.mode != "condition":
            return _toggle(state, FORBIDDEN)  # "take care not to ...", "we teach people not to ..."
        if previous == "would" and lemmas[index - 2] in {"i", "we"}:
            return _toggle(state, FORBIDDEN)
        if previous == "do" and self.forms[index - 1] == "do":
            subject = set(lemmas[clause.start : index - 1]) - ADVERBS - _ADDRESSED
            described = bool(subject) and lemmas[index - 2] not in _JOINTS
            return _toggle(state, DENIED if described else FORBIDDEN)
        if clause.mode == "condition":
            return _toggle(state, DENIED)
        if previous in {"please", ",", ":", "but", "and", "or", "also", "better", "best"}:
            return _toggle(state, FORBIDDEN)
        return _toggle(state, DENIED)

    def _after_avoid(
        self, clause: Clause, index: int, previous: str, following: str, state: Polarity
    ) -> Polarity:
        if previous == "be" or self.forms[index].endswith(("ed", "den")):
            self._paint_range(clause.start, index, FORBIDDEN)
            return state
        hinders = self.lemmas[index] == "discourage" and following in {"the", "them", "him"}
        if hinders and "from" not in self.lemmas[index : clause.end]:
            return state
        return _toggle(state, FORBIDDEN)

    def _after_nothing(self, clause: Clause, index: int, following: str, state: Polarity) -> Polarity:
        if following in {"but", "else", "except"} or (
            index > clause.start and self.lemmas[index - 1] == "do"
        ):
            return state
        if following == "to" and self.lemmas[index + 2 : index + 3] not in (["eat"], ["drink"]):
            return state
        if following == "beat" or (
            following in _AVAILS and _COMPARING & set(self.lemmas[index : clause.end])
        ):
            return state  # "nothing helps as much as ..."
        if index - clause.start <= 3:
            self._paint_range(clause.start, index, FORBIDDEN)
        return FORBIDDEN

    def _after_no(  # noqa: PLR0911 - cases, in order
        self, clause: Clause, index: int, following: str, state: Polarity
    ) -> Polarity:
        before = self.lemmas[index - 1] if index > clause.start else ""
        if following in _OCCASIONS and before in _AT:
            return _toggle(state, FORBIDDEN)  # "under no circumstances", "on no account"
        harms_not = following in _HARMS and self.lemmas[index + 2 : index + 3] in (["in"], ["to"])
        if following in _NO_DENIAL or harms_not:
            return state  # "there is no harm in ..." permits
        if following in _NEED:
            return _toggle(state, FORBIDDEN)
        if self.lemmas[index + 2 : index + 3] == ["have"] and self.lemmas[index + 3 : index + 4] != ["to"]:
            return _toggle(state, DENIED)  # "no bystander has come to harm from ..."
        if index == clause.start and "mean" in self.lemmas[index + 2 : clause.end]:
            return state  # "no pulse means CPR"
        if index > clause.start and self.lemmas[index - 1] == "be":
            return _toggle(state, DENIED)
        near = range(max(clause.start, index - 3), index)
        joined = {",", "with", "and", "or", "but", "as"} & set(self.forms[near.start : index])
        if self._orders(clause) and not joined and any(self.lemmas[k] in VERBS for k in near):
            self._paint_range(clause.start, index, FORBIDDEN)  # "give no food"
        return FORBIDDEN if self._orders(clause) or index == clause.start else DENIED

    def _after_nobody(self, clause: Clause, following: str, state: Polarity) -> Polarity:
        """What "nobody" does: "nobody should ..." and "let nobody ..." forbid, "nobody went ..." denies."""
        if following in {"need", "have"}:
            return state
        asked = following in {"should", "must", "may", "ought"} or self._orders(clause)
        return _toggle(state, FORBIDDEN if asked else DENIED)

    def _orders(self, clause: Clause) -> bool:
        """Whether the clause is an instruction: it begins with a bare verb or "you"."""
        head = skip_adverbs(self.tokens, clause.start, clause.end)
        if head >= clause.end:
            return False
        word = self.lemmas[head]
        return word == "you" or (word in VERBS and self.forms[head] == word)

    def _ceases(self, index: int, end: int) -> bool:
        """Whether "stop" ends an act of the helper rather than something in the casualty."""
        for k in range(index + 1, min(end, index + 5)):
            form, word = self.forms[k], self.lemmas[k]
            if (
                form in BODY_PROCESSES
                or form in ",;:."
                or word in {"bleed", "blood", "burn", "when", "if", "until"}
            ):
                return False
            if word in HELPER_NOUNS or (form.endswith("ing") and word in VERBS):
                return True
            if word not in DETERMINERS and word not in ADVERBS and word != "with":
                return False
        return False

    def _warns(self, index: int, end: int) -> bool:
        """Whether "it is dangerous to ..." begins here."""
        following = self.lemmas[index + 1 : min(end, index + 5)]
        if following[:1] == ["be"]:  # "a common mistake is to ...", "a common mistake is rubbing it"
            return "to" in following[:3] or any(f.endswith("ing") for f in self.forms[index + 2 : index + 3])
        return "to" in following and "be" in self.lemmas[max(0, index - 5) : index]

    # -- judged by its predicate ------------------------------------------------------------------

    def _evaluate(self, clause: Clause) -> None:  # noqa: PLR0911 - cases, in order
        """A predicate after the act ("... is dangerous", "... should be avoided") forbids its subject."""
        lemmas, forms = self.lemmas, self.forms
        head = skip_adverbs(self.tokens, clause.start, clause.end)
        if head >= clause.end or clause.mode == "condition" or clause.opener:
            return
        word, form = lemmas[head], forms[head]
        bare = word in VERBS and is_base_form(form, word)
        if bare and not (word in NOUN_VERBS and self._is_subject(head, clause.end)):
            return
        if word in {"never", "do", "you", "there", "without"} or word in AVOID:
            return
        links = [
            k
            for k in range(head + 1, clause.end)
            if lemmas[k] in FINITE and not forms[k].endswith("ing") and lemmas[k - 1] != "to"
        ]
        gerund = form.endswith("ing") and word in VERBS
        if not links:
            if gerund:
                self._paint_range(head, self._end_of_idle(head, clause.end), FORBIDDEN)
            return
        link = links[0]
        predicate = lemmas[link : clause.end]
        if word == "not":
            if forms[head + 1].endswith("ing") and speaks_ill(predicate):
                self._paint_range(clause.start, link, AFFIRMED)  # "not rinsing it would be a mistake"
            return
        if FORBIDDEN in self.polarity[head:link]:
            return
        is_a = lemmas[link] == "be" or "be" in predicate[1:3]
        if word in PERSON_SUBJECTS and not is_a:
            return
        misplaced = predicate[:3] == ["have", "no", "place"] or (gerund and _is_for_experts(predicate))
        judged = is_a and bool((DISMISSALS if gerund else _JUDGEMENTS) & set(predicate[1:7]))
        bad = judged or misplaced or _misses(predicate) or ((gerund or not is_a) and speaks_ill(predicate))
        substitute = "no substitute" in " ".join(predicate[:4])
        denied = bool({"not", "never", "no"} & set(predicate)) and not misplaced and not substitute
        good = ("answer" in predicate or speaks_well(predicate)) and "too" not in predicate
        if (bad and not denied and not good) or (denied and not bad and (good or gerund)):
            kind = DENIED if denied and lemmas[link] in _UNBINDING else FORBIDDEN
            for index in range(clause.start, link):  # "delaying CPR costs lives" is in favour of CPR
                self.polarity[index] = AFFIRMED if self.polarity[index] is DENIED else kind
            if bad and not is_a:
                self._paint_range(link, clause.end, DENIED)  # what it leads to is no instruction either
                clause.judged = True

    def _end_of_idle(self, head: int, end: int) -> int:
        """Where an act ends of which it is said what little it does: "tilting it | just sends the blood"."""
        for index in range(head + 1, end - 1):
            if self.forms[index] not in _MERELY:
                continue
            form, word = self.forms[index + 1], self.lemmas[index + 1]
            if form != word and form.endswith("s") and word in verbs() and word not in _DOES_WELL:
                return index
        return head

    def _is_subject(self, head: int, end: int) -> bool:
        return not _OF_SUBJECTS.isdisjoint(self.lemmas[head + 1 : min(end, head + 8)])

    def _paint_range(self, start: int, end: int, value: Polarity) -> None:
        self.polarity[start:end] = [value] * (end - start)


def _misses(predicate: list[str]) -> bool:
    """Whether words find an act too much, too little or of no use to what is wrong."""
    too_much = predicate[:2] == ["be", "too"] and bool(_TOO & set(predicate[2:3]))
    too_little = predicate[:2] == ["be", "nowhere"]  # "... are nowhere near enough"
    masks = predicate[0] in _UNBINDING and "only" in predicate[1:2]  # "would only mask it"
    return too_much or too_little or masks


def _is_for_experts(predicate: list[str]) -> bool:
    """Whether words leave an act to others: "is a job for the hospital", "is for doctors"."""
    if predicate[:1] != ["be"] or "for" not in predicate[1:5] or "not" in predicate[:3]:
        return False
    at = predicate.index("for")
    named = at == 1 or bool(_EXPERTS_JOB & set(predicate[1:at]))
    return named and not EXPERTS.isdisjoint(predicate[at + 1 : at + 4])


def _toggle(state: Polarity, by: Polarity) -> Polarity:
    return AFFIRMED if state in _NEGATED else by
