"""The slots found in each clause of a reply, and what a clause borrows from those that it is linked with."""

from collections import defaultdict

from ._clauses import Analysis
from ._deeds import is_deed
from ._lemmas import is_base_form
from ._split import skip_adverbs
from ._vocabulary import Hits, Span
from ._words import DETERMINERS, NOUN_VERBS, VERBS, words

_DENIALS = words(
    "not no never without stop cease lose unable barely cannot neither absent fail nothing unconscious"
)
_OBJECTS = words("it them him her")
_PARTICLES = words("off out up down on over in away back")


class Reading:
    """What stands where in one reply.

    Attributes:
        hits: The slots in each clause.
        states: The casualty's states that each clause names, filled in as they are asked for.
    """

    def __init__(self, analysis: Analysis, hits: list[Hits]):
        self.analysis = analysis
        self.hits = hits
        self.states: dict[int, dict[str, str]] = {}
        self._things: dict[int, Hits] = {}
        self._of_sentence: dict[int, list[int]] = defaultdict(list)
        for number, clause in enumerate(analysis.clauses):
            self._of_sentence[clause.sentence].append(number)

    def links(self, number: int) -> list[int]:
        """The clauses that a clause can borrow from: what its pronoun means, what it asks, its heading."""
        clause = self.analysis.clauses[number]
        found = [link for link in (clause.antecedent, clause.embeds) if link >= 0]
        sentence = self.analysis.sentences[clause.sentence]
        if sentence.heading >= 0 and sentence.opens:
            found += self.clauses_of(sentence.heading)[-1:]
        return found

    def linked(self, number: int, link: int) -> Hits:
        """The slots of a linked clause that a pronoun can mean: things, not deeds, none ruled out."""
        clauses = self.analysis.clauses
        if clauses[number].embeds == link or self.is_heading(clauses[link].start):
            return self.hits[link]
        cached = self._things.get(link)
        if cached is None:
            tokens, polarity = self.analysis.tokens, self.analysis.polarity
            terms = [
                (slots, span)
                for slots, span in self.hits[link].terms
                if not _is_no_thing(tokens.forms[span[0]], tokens.lemmas[span[0]]) and not polarity[span[0]]
            ]
            present: frozenset[int] = frozenset().union(*(slots for slots, _ in terms))
            cached = self._things[link] = Hits(present, terms)
        return cached

    def stands(self, spans: tuple[Span, ...]) -> bool:
        """Whether a state is named as it is: no word of it is denied, unless the denial is part of it."""
        tokens = [t for span in spans for t in range(*span)]
        lemmas = self.analysis.tokens.lemmas
        return any(lemmas[t] in _DENIALS for t in tokens) or not any(
            self.analysis.polarity[t] for t in tokens
        )

    def is_heading(self, token: int) -> bool:
        """Whether a token stands in a heading."""
        number = self.analysis.clause_of[token]
        return number >= 0 and self.analysis.sentences[self.analysis.clauses[number].sentence].is_heading

    def bids(self, number: int) -> bool:
        """Whether a clause gives an order of its own, so that no heading over it names its deed."""
        clause, tokens = self.analysis.clauses[number], self.analysis.tokens
        head = skip_adverbs(tokens, clause.start, clause.end)
        if head >= clause.end or tokens.lemmas[head] not in VERBS:
            return False
        following = tokens.forms[head + 1] if head + 1 < clause.end else ""
        clear = tokens.lemmas[head] not in NOUN_VERBS or following in DETERMINERS or following in _OBJECTS
        return clear and is_base_form(tokens.forms[head], tokens.lemmas[head])

    def is_deed(self, number: int, span: Span) -> bool:
        """Whether a term of a clause can be what somebody does; phrases always can."""
        clause = self.analysis.clauses[number]
        start, end = span
        return end > start + 1 or is_deed(self.analysis.tokens, clause.start, start, clause.end)

    def has(self, number: int, links: list[int], slots: tuple[int, ...]) -> bool:
        """Whether every slot occurs in the clause's sentence or in the clauses that it is linked with."""
        near = (*self.clauses_of(self.analysis.clauses[number].sentence), *links)
        return all(any(slot in self.hits[k].present for k in near) for slot in slots)

    def in_sentence(self, number: int, slot: int) -> bool:
        """Whether a slot occurs anywhere in the sentence of a clause."""
        clauses = self.clauses_of(self.analysis.clauses[number].sentence)
        return any(slot in self.hits[k].present for k in clauses)

    def clauses_of(self, sentence: int) -> list[int]:
        """The clauses of a sentence."""
        return self._of_sentence.get(sentence, [])


def _is_no_thing(form: str, lemma: str) -> bool:
    """Whether a word is more likely what somebody does, or where to, than what something is."""
    if lemma in _PARTICLES:
        return True
    return lemma in VERBS and (lemma not in NOUN_VERBS or form.endswith("ing")) and lemma != "bleed"
