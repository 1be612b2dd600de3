"""Base forms of English words: look-up tables, mended where first aid uses a word otherwise."""

import functools
import gzip
import json
import re
from importlib.resources import files

from ._words import CACHED_WORDS, SMALL_WORDS, words

# Words that are their own base form here, whatever the table says ("wound" is no form of "wind").
_OWN = words("""
    as best better blood breast cannot crew cutter data dead dive drunk epipen exercise further gas glasses
    ground his iced injured inner later least left less lighter lower matter more most mouth nothing number
    outer people pliers promise rose saw scissors sugary thermal this tweezers upper us worse worst
    wound
""")
_FORMS = """
    adrenaline: adrenalin
    aed: aed aeds
    afterward: afterwards
    anesthetic: anaesthetic
    backward: backwards
    bath: bath baths
    bathe: bathing
    be: being been is are am was were 's
    bind: bind bound
    bite: bitten
    breath: breath breaths
    bruise: bruised
    burn: burnt
    center: centre
    clothing: clothes clothing
    color: colour
    cool: cooler coolest
    diarrhea: diarrhoea
    die: dying
    do: does doe did done
    downward: downwards
    dressing: dressing dressings
    epinephrine: epinephrin
    feed: feed fed
    feel: felt
    find: found
    forward: forwards
    hang: hung
    have: has had
    hemorrhage: haemorrhage
    hour: hrs hr
    hypoglycaemia: hypoglycemia
    immobilize: immobilise immobilised immobilising immobilises
    leave: leaves
    lens: lens lenses
    lie: lay laid lain laying lies
    lip: lips
    liter: litre litres
    lose: lost
    lot: lot lots
    mean: means
    meter: metre metres
    minute: minutes mins min min's
    mother: mum
    neutralize: neutralise neutralised neutralising
    one: ones
    other: others
    pad: pads
    paralyze: paralysed
    practice: practise practised practising
    put: putting
    second: secs sec
    sleep: slept
    stand: stood
    sting: stung
    swell: swelling
    toward: towards
    upward: upwards
"""
_CONTRACTIONS = """
    can not: can't cant cannot
    will not: won't wont
    shall not: shan't
    do not: dont donot
    does not: doesnt
    did not: didnt
    is not: isnt ain't
    are not: arent
    was not: wasnt
    should not: shouldnt
    must not: mustnt
    need not: neednt
    would not: wouldnt
    could not: couldnt
    let us: let's
    going to: gonna
    want to: wanna
    got to: gotta
    you are: youre
    they are: theyre
    that is: that's
    it is: it's
    there is: there's
"""
_ENDINGS = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have", "'d": "would", "'m": "am", "'s": "is"}
_BEFORE_IS = words("he she it that what who there here where how person this")
_BRITISH = re.compile(r"(?<=[a-z]{4})is(e|es|ed|ing)$")


def _listed(text: str) -> dict[str, str]:
    """Read lines of "base: form form ..."."""
    pairs = (line.split(":") for line in text.strip().splitlines())
    return {form: base.strip() for base, forms in pairs for form in forms.split()}


_PARTS = {form: tuple(base.split()) for form, base in _listed(_CONTRACTIONS).items()}


def _load(name: str) -> dict[str, object]:
    packed = files("spacy_lookups_data").joinpath("data", name).read_bytes()
    table: dict[str, object] = json.loads(gzip.decompress(packed))
    return table


@functools.cache
def _table() -> dict[str, str]:
    table = _load("en_lemma_lookup.json.gz")
    known = {form: base for form, base in table.items() if isinstance(base, str) and base.isalpha()}
    return known | {form: form for form in _OWN} | _listed(_FORMS)


@functools.cache
def _index() -> dict[str, frozenset[str]]:
    """Base forms by part of speech."""
    index = _load("en_lemma_index.json.gz")
    return {part: frozenset(map(str, known)) for part, known in index.items() if isinstance(known, list)}


@functools.cache
def verbs() -> frozenset[str]:
    """Every base form that can be a verb, many of them nouns as well."""
    return _index()["verb"]


@functools.cache
def vocabulary() -> frozenset[str]:
    """Every English word form that the look-up tables know, in lower case."""
    table = _table()
    known = {word.lower() for part in _index().values() for word in part}
    return frozenset(known | {form.lower() for form in table} | set(table.values()) | SMALL_WORDS)


@functools.lru_cache(maxsize=CACHED_WORDS)
def lemma(form: str) -> str:
    """Return the base form of a word in lower case."""
    found = _table().get(form)
    if found is not None:
        return found
    if form.endswith("'s"):
        return lemma(form[:-2])
    american = _BRITISH.sub(r"iz\1", form)
    return form if american == form else _table().get(american, american)


def is_base_form(form: str, base: str) -> bool:
    """Whether a verb stands in its base form; "lay" does, though the tables take it for the past of "lie"."""
    return form in {base, "lay"}


@functools.lru_cache(maxsize=CACHED_WORDS)
def split_word(word: str) -> tuple[tuple[str, str], ...]:
    """Return the (form, base form) pairs of one written word; contractions give two."""
    parts = _PARTS.get(word)
    if parts is None:
        parts = (word,)
        for ending, full in _ENDINGS.items():
            head = word.removesuffix(ending)
            if head not in {word, ""} and (ending != "'s" or head in _BEFORE_IS):
                parts = (head, full)
                break
    return tuple((part, lemma(part)) for part in parts)
