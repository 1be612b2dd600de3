"""Lines to sentences: list items, headings, and what a heading says of the lines under it."""

import bisect
import re
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from ._announce import Rule, announces_bans, heading_rule, leaves_open
from ._lemmas import verbs
from ._text import Tokens
from ._words import FINITE, MYTHS, SUBJECTS, VERBS, words

_MARKER = re.compile(
    r"[ \t>]*(?P<hash>#{1,6}[ \t]+)?"
    r"(?P<item>(?:[-+*\u25aa\u25cf\u25e6\u2023\u25cb\u25a0]{1,2}(?=[ \t])|\(?\d{1,2}[.):](?!\d)|"
    r"\(?[a-z]\)|[a-h]\.(?=[ \t])|step \d{1,2}[ \t]*[:.)-]*)[ \t]*)?(?:\[[ x]?\][ \t]*)?"
)
_FORBIDDING = re.compile(r"[\u274c\u2717\u2718\U0001f6ab\u26d4\u2716\U0001f645\u2612]")
_ALLOWING = re.compile(r"[\u2705\u2713\u2714\u2611]")
_LED = re.compile(r"\s*(?:\*\*|__)[^*_]+(?:\*\*|__)")  # "**Waiting.** Every minute counts."
_BOLD = re.compile(rf"{_LED.pattern}\s*:?\s*$")
_ABBREVIATIONS = words("e.g i.e dr mr mrs ms st vs approx etc no fig u.s u.k a.m p.m")
_HEADING_WORDS = words("not never avoid don'ts donts mistake myth do step instead")
_SHORT_LINE = 8
_BEGINS_ANEW = words("do not never avoid instead but rather always keep seek")
_CALLS = words("call dial phone ring")
_CALLED = words("999 911 112 000 ambulance emergency help rescue paramedic coastguard them now")
_STATING = words("is are was were has have had can could will would should must may might does")
# After one of these the verb is an aside's: "turn someone who is ...", "stop because it has ...".
_ASIDE = words("who that which because if when while before until you he she they we")
_MOST_WORDS_OF_A_LEAD = 16
_MOST_WORDS_OF_A_FRAGMENT = 10
_QUOTES = ('"', "'")


class Sentence(NamedTuple):
    """Tokens ``start`` to ``end``.

    Attributes:
        block: Number of its paragraph or list item.
        rule: What the heading above it says of it.
        heading: Index of the sentence that is the heading above it, or -1.
        is_heading: Whether it is a heading itself.
        opens: Whether it is the first sentence of its block.
        is_item: Whether its block is a list item.
        question: Whether it ends with a question mark.
        listed: Whether it goes on with a list of bans that began in a sentence before it.
    """

    start: int
    end: int
    block: int
    rule: Rule
    heading: int
    is_heading: bool
    opens: bool
    is_item: bool
    question: bool
    listed: bool = False


class _Heading(NamedTuple):
    """A heading that may still govern lines. ``lasting``: a "#" heading, which a blank line does not end."""

    sentence: int
    rule: Rule
    indent: int
    is_item: bool
    lasting: bool


class _Line(NamedTuple):
    """One line of text: tokens ``first`` to ``last``, and how it is set."""

    text: str
    body: str
    first: int
    last: int
    indent: int
    is_item: bool
    is_hash: bool
    is_led: bool


def sentences(tokens: Tokens) -> list[Sentence]:
    """Divide a text into sentences, each with its place in lists and under headings."""
    divider = _Divider(tokens)
    position = 0
    while position < len(tokens.plain):
        stop = tokens.plain.find("\n", position)
        stop = len(tokens.plain) if stop < 0 else stop
        divider.take(position, stop)
        position = stop + 1
    return divider.found


class _Divider:
    """Reads lines in order and remembers the heading that governs them.

    Attributes:
        bans: Index of the sentence that announced the list of bans which is being read, or -1.
        within: Whether a semicolon or colon says that the list goes on.
        flat: Whether it is a list whose line breaks are lost: "Do not: Cut the bite. Suck it. ...".
        myths: Whether the paragraph is about myths, so that what it quotes is one.
        itemised: Whether the heading has had a list item under it.
        led: Whether bold words open the items under the heading in place of markers; None before the first.
    """

    def __init__(self, tokens: Tokens):
        self.tokens = tokens
        self.found: list[Sentence] = []
        self.heading: _Heading | None = None
        self.led: bool | None = False
        self.itemised = False
        self.block = 0
        self.blank = True
        self.unfinished = False
        self.bans = -1
        self.within = False
        self.flat = False
        self.myths = False

    def take(self, position: int, stop: int) -> None:
        """Read one line."""
        line = self._line(position, stop)
        if not line.body or line.first >= line.last:
            self.blank = self.blank or not line.body
            self.unfinished = False
            return
        if self._goes_on(line):
            previous = self.found.pop()
            for index, (a, b, asks) in enumerate(_pieces(self.tokens, previous.start, line.last)):
                first = index == 0
                self._add(
                    previous._replace(start=a, end=b, question=asks, is_heading=previous.is_heading and first,
                                      opens=previous.opens and first)
                )  # fmt: skip
        else:
            self._new_block(line)
        self.unfinished = line.body[-1] not in ".!?:;"
        self.blank = False

    def _line(self, position: int, stop: int) -> _Line:
        plain = self.tokens.plain
        text = plain[position:stop]
        marker = _MARKER.match(plain, position, stop)
        start = marker.end() if marker else position
        return _Line(
            text=text,
            body=plain[start:stop].strip(" \t*_`"),
            first=bisect.bisect_left(self.tokens.marks, start),
            last=bisect.bisect_left(self.tokens.marks, stop),
            indent=len(text) - len(text.lstrip(" \t>")),
            is_item=bool(marker and marker["item"]),
            is_hash=bool(marker and marker["hash"]),
            is_led=_LED.match(text) is not None,
        )

    def _goes_on(self, line: _Line) -> bool:
        """Whether the line is the rest of a wrapped sentence."""
        if not self.unfinished or self.blank or line.is_item or line.is_hash or not self.found:
            return False
        return line.body[0].isalpha() and self.tokens.text[self.tokens.starts[line.first]].islower()

    def _new_block(self, line: _Line) -> None:
        self.block += 1
        self.bans, self.within, self.flat = -1, False, False
        self.myths = bool(self.heading and self.heading.rule == "myth")
        is_heading = self._is_heading(line)
        if self.led is None:
            self.led = line.is_led and not line.is_item and not is_heading
        if self.heading and self._ends(self.heading, line, is_heading):
            self.heading = None
        self.itemised = self.itemised or line.is_item
        rule: Rule = self.heading.rule if self.heading else ""
        above = self.heading.sentence if self.heading else -1
        crossed = False
        if not line.text.isascii():
            crossed = bool(_FORBIDDING.search(line.text))
            if crossed:
                rule = "forbid"
            elif _ALLOWING.search(line.text):
                rule = ""
        pieces = _pieces(self.tokens, line.first, line.last)
        for index, (a, b, asks) in enumerate(pieces):
            own = is_heading and index == len(pieces) - 1
            its_rule: Rule = rule if crossed or not own else ""
            self._add(Sentence(a, b, self.block, its_rule, above, own, index == 0, line.is_item, asks))
        if is_heading and pieces:
            governs = heading_rule(self.tokens, pieces[-1][0], pieces[-1][1])
            if not governs and len(pieces) > 1 and self._points_back(*pieces[-1][:2]):
                governs = heading_rule(self.tokens, pieces[-2][0], pieces[-1][1])
            self.heading = _Heading(len(self.found) - 1, governs, line.indent, line.is_item, line.is_hash)
            self.led, self.itemised = None, False

    def _add(self, sentence: Sentence) -> None:
        """Take up a sentence; a list of bans that begins or goes on in it is cut into its items."""
        lead = -1 if sentence.is_heading else self._lead(sentence)
        if lead >= 0:
            self.found.append(sentence._replace(end=lead, is_heading=True))
            self.bans = len(self.found) - 1
            self.within = True
            self.myths = self.myths or "advice" in self._lemmas(self.found[self.bans])  # quoted after it
            sentence = sentence._replace(start=lead)
            bare = leaves_open(self._plain(self.found[-1].start, lead))
            self.flat = bare and self._lost_its_lines(lead)
            bare = bare and not self.flat
        else:
            bare = False
        if sentence.start == sentence.end:
            self.within = False
            return
        if self.bans >= 0 and (self.within or self._goes_on_banning(sentence)):
            listed = not self.within
            lead_rule: Rule = "myth" if MYTHS & self._lemmas(self.found[self.bans]) else "forbid"
            sentence = sentence._replace(rule=lead_rule, heading=self.bans, opens=not listed, listed=listed)
            semicolon = self.tokens.forms[sentence.end - 1] == ";"
            if self.within and not semicolon and not self.flat and (bare or lead < 0):
                self.bans = -1  # a list of semicolons ends with its sentence, and so does "Never: ..."
            self.within = self.within and semicolon and not self.flat
        elif not self.flat or self.tokens.forms[sentence.start - 1] != ";":  # "Give food; they may need ..."
            self.bans, self.flat = -1, False
        if self.myths and not sentence.rule and self._is_quoted(sentence):
            sentence = sentence._replace(rule="myth")
        self.myths = self.myths or bool(MYTHS & self._lemmas(sentence))
        self.found.append(sentence)

    def _is_quoted(self, sentence: Sentence) -> bool:
        """Whether quotation marks stand around the whole sentence."""
        plain, start, end = self.tokens.plain, sentence.start, sentence.end
        while start < end and not self.tokens.forms[start][0].isalnum():
            start += 1
        if start == end:
            return False
        opens = self.tokens.marks[start]
        closes = self.tokens.marks[end - 1] + len(self.tokens.forms[end - 1])
        spaced = plain[max(0, opens - 2) : opens - 1]
        return (
            plain[opens - 1 : opens] in _QUOTES  # nothing, where the text begins or ends, is no mark
            and plain[closes : closes + 1] in _QUOTES
            and not spaced.strip(" \n\t(*_")
        )

    def _lead(self, sentence: Sentence) -> int:
        """Where the words end that announce a list of bans within the sentence, or -1."""
        forms, start, end = self.tokens.forms, sentence.start, sentence.end
        colons = [k + 1 for k in range(start, min(end - 1, start + _MOST_WORDS_OF_A_LEAD)) if forms[k] == ":"]
        for colon in colons:
            if announces_bans(
                self._plain(start, colon), listed=forms[end - 1] == ";" or self._lost_its_lines(colon)
            ):
                return colon
        if self.bans >= 0 and self._goes_on_banning(sentence):
            return -1  # "Leave them alone." names an act to leave undone
        whole = end - start <= _MOST_WORDS_OF_A_LEAD and forms[end - 1] == "."
        return end if whole and announces_bans(self._plain(start, end), listed=False) else -1

    @cached_property
    def _dos(self) -> int:
        """Where "Do:" stands first; few texts have a lead that asks for it."""
        pairs = enumerate(pairwise(self.tokens.forms))
        return next((k for k, pair in pairs if pair == ("do", ":")), len(self.tokens.forms))

    def _lost_its_lines(self, token: int) -> bool:
        """Whether a list of sentences seems to begin there: with a capital, or after one headed "Do:"."""
        tokens = self.tokens
        if token >= len(tokens.forms):
            return False
        return tokens.text[tokens.starts[token]].isupper() or token > self._dos

    def _goes_on_banning(self, sentence: Sentence) -> bool:
        """Whether a sentence is one more bare act of a list, neither the start of what to do nor a remark."""
        forms, lemmas, start = self.tokens.forms, self.tokens.lemmas, sentence.start
        while start < sentence.end and not forms[start].isalpha():
            start += 1
        if start >= sentence.end or self._begins_anew(start, sentence.end):
            return False
        if lemmas[start] not in verbs():
            return self._is_fragment(start, sentence.end)
        bare = forms[start] == lemmas[start] or (forms[start].endswith("ing") and lemmas[start] in VERBS)
        within = forms[start : sentence.end]
        return (
            bare
            and not self._states(start, sentence.end)
            and ":" not in within
            and (self.flat or (",", "and") not in pairwise(within))
        )

    def _is_fragment(self, start: int, end: int) -> bool:
        """Whether a sentence merely names something: "The long walk.", "Blankets before breaths."."""
        forms, lemmas = self.tokens.forms, self.tokens.lemmas
        return (
            end - start <= _MOST_WORDS_OF_A_FRAGMENT
            and ":" not in forms[start:end]
            and SUBJECTS.isdisjoint(lemmas[start:end])
            and _STATING.isdisjoint(forms[start:end])
            and FINITE.isdisjoint(lemmas[start:end])
        )

    def _begins_anew(self, start: int, end: int) -> bool:
        """Whether a verb begins what to do; "ring the surgery" calls nobody who comes."""
        lemmas = self.tokens.lemmas
        calls = [k for k in range(start, end) if lemmas[k] in _CALLS]
        if calls[:1] == [start]:
            return not _CALLED.isdisjoint(lemmas[start:end])
        if any(not _CALLED.isdisjoint(lemmas[k + 1 : k + 2]) for k in calls):
            return True
        acts = self.flat and lemmas[start] == "do" and {"not", ":"}.isdisjoint(lemmas[start + 1 : start + 2])
        return lemmas[start] in _BEGINS_ANEW and not acts  # "Do abdominal thrusts." goes on

    def _states(self, start: int, end: int) -> bool:
        """Whether the sentence's own verb stands among its first words, so that it tells and does not bid."""
        tokens = self.tokens
        for index in range(start, min(end, start + 5)):
            owner = tokens.text[tokens.starts[index] : tokens.ends[index]].endswith(("'s", "\u2019s"))
            if tokens.forms[index] in _STATING and not owner:
                return index > start and _ASIDE.isdisjoint(tokens.forms[start:index])
        return False

    def _lemmas(self, sentence: Sentence) -> set[str]:
        return set(self.tokens.lemmas[sentence.start : sentence.end])

    def _plain(self, start: int, end: int) -> str:
        return " ".join(self.tokens.forms[start:end])

    def _is_heading(self, line: _Line) -> bool:
        if line.is_hash or line.body.rstrip(" *_").endswith(":"):
            return True
        if line.is_item or line.last - line.first > _SHORT_LINE or line.body[-1] in ".!?;,":
            return False
        named = set(self.tokens.lemmas[line.first : line.last]) & _HEADING_WORDS
        return bool(named) or bool(_BOLD.match(line.text))

    def _ends(self, heading: _Heading, line: _Line, is_heading: bool) -> bool:
        """Whether a line is outside the list or section that a heading governs."""
        if line.is_item and heading.is_item and line.indent <= heading.indent:
            return True
        if is_heading and not (line.is_item and not heading.is_item and heading.lasting):
            return True
        within = line.is_item or (self.led and line.is_led)
        return not within and (self.blank or self.itemised) and not heading.lasting

    def _points_back(self, start: int, end: int) -> bool:
        """Whether a heading lists what the sentence before it named: "These are the main ones:"."""
        return not {"ones", "few", "some", "them"}.isdisjoint(self.tokens.forms[start:end])


def _pieces(tokens: Tokens, first: int, last: int) -> list[tuple[int, int, bool]]:
    """Cut tokens at the ends of sentences; the flag says that a question mark ended it."""
    pieces: list[tuple[int, int, bool]] = []
    start = first
    for index in range(first, last):
        mark = tokens.forms[index]
        if mark not in ".!?;)|" or (mark == "." and _abbreviates(tokens, index, first, last)):
            continue
        if mark == ")" and not _enumerates(tokens, index, start):
            continue
        if index > start:
            pieces.append((start, index + 1, mark == "?"))
        start = index + 1
    if start < last:
        pieces.append((start, last, False))
    return pieces


def _abbreviates(tokens: Tokens, index: int, first: int, last: int) -> bool:
    """Whether a full stop belongs to an abbreviation ("e.g.", "Dr. Smith")."""
    forms, following = tokens.forms, index + 1
    if following >= last:
        return False
    touches = tokens.starts[following] == tokens.ends[index]
    if touches and len(forms[following]) == 1 and forms[following].isalpha():
        return True
    before = forms[index - 1] if index > first and tokens.starts[index] == tokens.ends[index - 1] else ""
    short = before in _ABBREVIATIONS or (len(before) == 1 and before.isalpha())
    return short and (forms[following] in ".," or tokens.text[tokens.starts[following]].islower())


def _enumerates(tokens: Tokens, index: int, start: int) -> bool:
    """Whether a bracket closes a number that counts items within a line: "1) press 2) call"."""
    forms = tokens.forms
    return index > start and forms[index - 1].isdigit() and (index - 1 == start or forms[index - 2] != "(")
