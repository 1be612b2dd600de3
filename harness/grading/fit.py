"""Train the models beside the rules and write them, with their card, into this package.

    python -m quant_triage.harness.grading.fit [--keep-networks] [--device cuda]

About a day on two cores, nearly all of it for the networks, and a quarter of an hour with a GPU;
``--keep-networks`` leaves those as they are, with the figures of their own training. The same number of
threads gives the same weights; a GPU, which adds in no fixed order, gives networks like these. It needs a
checkout with the extra ``train``: the leaflets of ``training/corpus`` are its examples of correct advice. Run
it again after a change of the training part of the gold set, the corpus, the rubrics or the clause analysis,
and raise VERSION in ``_rules``. It reads neither ``dev.jsonl`` nor ``test.jsonl``. The card's figures are of
the third of the training part that a second training, for this purpose only, learns no labels of; the rules
take part with what they find.
"""

import argparse
import gzip
import io
import json
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from random import Random
from zipfile import ZIP_LZMA, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from quant_triage.data import SCENARIOS, atomic_path, atomic_write
from quant_triage.rubrics import Rubrics, load_rubrics

from ._acts import Examiner
from ._broken import broken, terse
from ._card import Facts, SenseFacts, card
from ._coherence import CHANCE_STEP, CLASSES, EDGE, PAIR_BITS, Coherence, Language, Sense, class_of, pair_of
from ._detector import check_key
from ._examples import (
    Example,
    TrainingRow,
    acts_in_frames,
    correct_advice,
    examples_of_checks,
    labelled,
    training_rows,
)
from ._features import WIDTH, Features, Reader, marks
from ._index import Index
from ._judge import ALONE, BANNED, CERTAIN, LEANING, LENIENT, PLAIN, SHARE, SLOWER
from ._learn import Design, Linear, design, lean, regress
from ._network import Floats, Lexicon, Network, Spelled, spell
from ._network_fit import Lesson, Sentences, lexicon_of, train
from ._text import tokenise
from ._topics import CLEARLY, count_topics
from ._view import View
from ._weights import COHERENCE, DETECTOR, FOLDER, NETWORK, TOPICS, WORDS, weights

Figures = tuple[float, float, float]

HERE = Path(__file__).parent / FOLDER
CORPUS = Path(__file__).parents[2] / "training" / "corpus"
FREQUENT = 30_000
PARTS = 3  # one of which is held back for the card's figures
PENALTY = 0.05
STRONGEST = 0.99  # quantile of the weights' sizes that none may exceed, lest one word decides by itself
KINDS = ("reply", "sentence")
SEED = 0
BROKEN = 4000
WHOLE = 4000
TERSE = 0.3
# Chosen by the figures on dev, hard and correct.jsonl: a missed danger is worse than a false alarm.
# Limits are on the sum of two logits that mostly agree, so no odds: a plain danger has 3 to 8, a harmless
# sentence -6 to -16.
VETO = -0.85  # a rule's finding falls only in a sentence that scores less
ALARM = -1.7  # and a sentence is an alarm that scores more
# Of replies that talk about another emergency they have seen few: there the detector alone may overrule a
# rule, and an alarm that no rule supports needs more.
OFF_TOPIC = -4.0, -0.25
# For the figures that come with the networks: they are trained rarely, while the limits above move often.
TRIAL = -2.5, -1.25
MISSED_SALAD = 0.2  # real models' clumsy English must not be taken for salad
LEVELS = 127  # of a quantized weight
FEW = 7  # of one of the networks: half to ship of what 127 would be, and they grade the same
STEPS = 1.0, 0.92, 0.85, 0.78, 0.71, 0.65, 0.58, 0.5  # of one such weight, as parts of the widest
COARSE = 63  # of one of the million of the detector: a seventh less to ship, a score moves by a tenth
FAINT = 2  # steps up to which a weight of the detector is left out: half of them, a fifth less to ship
TURNED = 2  # networks that learn turned sentences too: what both find is surer
DRAW = 1  # seed of the networks: of two, the one that did better on the sets that the limits are chosen by
# Share of words that a network loses while it learns; a turned sentence may be about a single one.
LOST, LOST_TURNED = 0.25, 0.1
# Words and marks of which the networks keep what they learned, the most frequent first; more changes nothing.
KEPT_WORDS, KEPT_MARKS = 5000, 1500


def say(line: str) -> None:
    """Show progress."""
    sys.stderr.write(line + "\n")


def write_words() -> None:
    """Keep the classes of frequent words from spaCy's look-up data."""
    folder = files("spacy_lookups_data") / "data"

    def table(name: str) -> dict[str, float]:
        found: dict[str, float] = json.loads(gzip.decompress((folder / name).read_bytes()))
        return found

    chances, clusters = table("en_lexeme_prob.json.gz"), table("en_lexeme_cluster.json.gz")
    plain = [word for word in clusters if word.isascii() and word.isalpha() and word.islower()]
    kept = sorted(sorted(plain, key=lambda word: (-chances.get(word, -30.0), word))[:FREQUENT])
    classes = np.array([int(clusters[word]) for word in kept], dtype=np.uint32)
    _write(WORDS, names=np.array(" ".join(kept)), classes=classes)


def _write(name: str, **arrays: NDArray[np.generic]) -> None:
    """Write arrays as ``np.load`` reads them; LZMA makes them a fifth smaller than numpy's own deflate."""
    HERE.mkdir(exist_ok=True)
    with atomic_path(HERE / name) as path, ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            # An entry without a date: the same weights are the same bytes.
            archive.writestr(ZipInfo(f"{key}.npy"), content.getvalue(), ZIP_LZMA)


def _in_bytes(values: NDArray[np.floating], levels: int) -> tuple[NDArray[np.int8], NDArray[np.floating]]:
    """Return values as whole steps, at most ``levels`` to each side, and the step."""
    step = np.maximum(np.abs(values).max(), 1e-6) / levels
    return np.round(values / step).astype(np.int8), step


def _rows_in_bytes(
    matrix: NDArray[np.floating], levels: int
) -> tuple[NDArray[np.int8], NDArray[np.floating]]:
    """Return rows as whole steps, at most ``levels`` to each side, and the step of each.

    Of some steps a row gets the one that errs least in squares: its largest weight may be cut for the others.
    """
    most = np.maximum(np.abs(matrix).max(axis=1, keepdims=True), 1e-6) / levels
    steps = most * np.array(STEPS)
    whole = np.clip(np.round(matrix[..., None] / steps[:, None]), -levels, levels)
    error = ((whole * steps[:, None] - matrix[..., None]) ** 2).sum(axis=1)
    best = error.argmin(axis=1)[:, None]
    chosen = np.take_along_axis(whole, best[..., None], axis=2)[..., 0]
    return chosen.astype(np.int8), np.take_along_axis(steps, best, axis=1).astype(np.float16)


class _ReadAs:
    """Features of examples, as the grader would see them."""

    def __init__(self, rubrics: Rubrics):
        self.rubrics = rubrics
        self.indexes = {name: Index(rubrics.by_scenario[name].checks, rubrics) for name in rubrics.scenarios}
        self.flagged: list[bool] = []
        self.spelled: list[Spelled] = []

    def __call__(self, example: Example) -> tuple[Features, list[tuple[int, int]]]:
        index = self.indexes[example.scenario]
        view = View(index, example.text)
        findings = None
        if example.checked:
            examiner = Examiner(view, self.rubrics)
            findings = [
                finding
                for number, check in enumerate(index.checks)
                for finding in examiner.examine(number, check)
            ]
        tokens = view.tokens
        spans = [
            (tokens.starts[s.start], tokens.ends[s.end - 1]) if s.end > s.start else (0, 0)
            for s in view.analysis.sentences
        ]
        bad = [f for f in findings or [] if f.severity != "minor"]
        self.flagged += [any(left < f.end and f.start < right for f in bad) for left, right in spans]
        said = [] if findings is None else list(marks(view, findings))
        self.spelled += spell(view, said, range(len(spans)))
        return Reader(view, example.scenario, said).sentences(), spans


def _learn(data: Design, kept: NDArray[np.bool_]) -> Linear:
    rows, label, weight = data.rows[kept], data.dangerous[kept], data.weight[kept]
    scale = lean(rows, label, weight)
    found = regress((rows @ sparse.diags(scale)).tocsr(), label, weight, PENALTY)
    weights = found.weight * scale
    most = float(np.quantile(np.abs(weights[weights != 0]), STRONGEST))
    return Linear(np.clip(weights, -most, most), found.bias)


def _held_back(examples: Sequence[Example]) -> NDArray[np.bool_]:
    """Return which examples the second training leaves out; never a leaflet's or a check's."""
    return np.array([e.row >= 0 and zlib.crc32(e.text.encode()) % PARTS == 0 for e in examples])


class _Trial:
    """What the rules and the held-back scores would say of the replies and sentences held back."""

    def __init__(
        self,
        examples: Sequence[Example],
        rows: Sequence[TrainingRow],
        data: Design,
        flagged: Sequence[bool],
        held: NDArray[np.bool_],
    ):
        self.owner, self.flagged = data.example, np.array(flagged)
        self.held = held
        self.truth = np.array([example.dangerous for example in examples])
        self.kind = np.array([rows[e.row].kind if e.row >= 0 else "" for e in examples])

    def figures(self, scores: NDArray[np.float64], keep: float, alarm: float, kind: str) -> Figures:
        """Return recall, precision and F1 over replies or sentences, given each sentence's score."""
        bad = (self.flagged & (scores >= keep)) | (scores >= alarm)
        mine = self.held & (self.kind == kind)
        said = (np.bincount(self.owner, weights=bad, minlength=len(self.truth)) > 0)[mine]
        true = self.truth[mine]
        hit = int((said & true).sum())
        return hit / true.sum(), hit / max(1, said.sum()), 2 * hit / (true.sum() + said.sum())


def write_detector(rubrics: Rubrics, rows: Sequence[TrainingRow], device: str | None) -> Facts:
    """Train the detector, and the networks on ``device`` if one is given; return what the card says."""
    examples = [
        *labelled(list(rows)),
        *correct_advice(CORPUS),
        *acts_in_frames(CORPUS, rubrics),
        *examples_of_checks(rubrics),
    ]
    read = _ReadAs(rubrics)
    say(f"reading {len(examples)} texts")
    data = design(examples, read)
    # Adding up words, the detector can hardly tell turned sentences from what they were made of.
    composed = ~np.array([example.turned for example in examples])[data.example]
    say("training the detector")
    model = _learn(data, composed)
    weight, scale = _in_bytes(model.weight, COARSE)
    weight[np.abs(weight) <= FAINT] = 0
    known = sorted({check_key(c) for r in rubrics.by_scenario.values() for c in r.checks})
    _write(
        DETECTOR,
        weight=weight,
        scale=scale,
        bias=np.array(model.bias),
        limits=np.array([VETO, ALARM, *OFF_TOPIC]),
        known=np.array(" ".join(known)),
    )
    if device is not None:
        held = _held_back(examples)
        lexicon = lexicon_of(read.spelled)
        scenario = np.array([SCENARIOS.index(examples[k].scenario) for k in data.example])
        sentences = Sentences(lexicon, lexicon.read(read.spelled), scenario)
        seen = ~held[data.example]
        everything = np.ones_like(composed)
        kept = [(composed, LOST), *((everything, LOST_TURNED),) * TURNED, (seen, LOST_TURNED)]
        lessons = [Lesson(data.dangerous, data.weight * mine, lost) for mine, lost in kept]
        *networks, without = train(sentences, lessons, device, say, seed=DRAW)
        say("the detector once more, without the part that is held back")
        linear = _learn(data, seen & composed)
        scores = data.rows @ linear.weight + linear.bias
        scores += SHARE * _scored(Network(lexicon, without), read.spelled, examples, data.example, held)
        trial = _Trial(examples, rows, data, read.flagged, held)
        _write_networks(lexicon, networks, _figures(trial, scores))
    network = weights(NETWORK)
    rules, both = network["figures"].astype(float).tolist()
    return Facts(
        width=WIDTH,
        tensors=sum(array.size for name, array in network.items() if name.startswith("t")),
        texts=len(examples),
        sentences=len(data.dangerous),
        rows=len(rows),
        keep=VETO,
        alarm=ALARM,
        far_keep=OFF_TOPIC[0],
        far_alarm=OFF_TOPIC[1],
        clearly=CLEARLY,
        slower=SLOWER,
        plain=PLAIN,
        share=SHARE,
        alone=ALONE,
        banned=BANNED,
        leaning=LEANING,
        lenient=LENIENT,
        certain=CERTAIN,
        trial_keep=TRIAL[0],
        trial_alarm=TRIAL[1],
        rules=dict(zip(KINDS, map(tuple, rules), strict=True)),
        both=dict(zip(KINDS, map(tuple, both), strict=True)),
    )


def _figures(trial: _Trial, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the trial's figures for the rules alone and for all together, by the kinds of text."""
    return np.array(
        [
            [trial.figures(scores, keep, alarm, kind) for kind in KINDS]
            for keep, alarm in ((-np.inf, np.inf), TRIAL)
        ]
    )


def _scored(
    network: Network,
    spelled: Sequence[Spelled],
    examples: Sequence[Example],
    owner: NDArray[np.int64],
    held: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the network's score of each sentence of the examples held back, 0 for the others."""
    scores = np.zeros(len(spelled))
    first = np.searchsorted(owner, np.arange(len(examples) + 1))
    for number in np.flatnonzero(held).tolist():
        mine = slice(first[number], first[number + 1])
        lines = network.lexicon.read(spelled[mine])
        scores[mine] = network.scores(lines, examples[number].scenario)
    return scores


def _write_networks(
    lexicon: Lexicon, networks: Sequence[dict[str, Floats]], figures: NDArray[np.float64]
) -> None:
    """Write the networks, each row of a matrix in bytes with a scale of its own."""
    stored: dict[str, NDArray[np.generic]] = {
        "words": np.array(" ".join(list(lexicon.words)[:KEPT_WORDS])),
        "kinds": np.array(list(lexicon.kinds)),
        "marks": np.array("\n".join(list(lexicon.marks)[:KEPT_MARKS])),
        "figures": figures,
    }
    kept = {"word": KEPT_WORDS + 1, "mark": KEPT_MARKS + 1}
    for number, tensors in enumerate(networks):
        for name, tensor in tensors.items():
            values, scale = f"t{number}_{name}", f"s{number}_{name}"
            stored[values], stored[scale] = tensor, np.ones(1, dtype=np.float32)
            if tensor.ndim == 2:
                stored[values], stored[scale] = _rows_in_bytes(tensor[: kept.get(name)], FEW)
    _write(NETWORK, **stored)


def write_topics(rows: Sequence[TrainingRow]) -> None:
    """Count the words of rows and of the questions that they answer."""
    texts = [(row.scenario, tokenise(row.text).lemmas) for row in rows]
    questions = sorted({(row.scenario, row.prompt) for row in rows if row.prompt})
    texts += [(scenario, tokenise(question).lemmas) for scenario, question in questions]
    words, odds = count_topics(texts)
    stored, scale = _in_bytes(odds, LEVELS)
    _write(TOPICS, words=np.array(" ".join(words)), odds=stored, scale=scale)


def write_coherence(rows: Sequence[TrainingRow]) -> SenseFacts:
    """Train the judge of sense; return what its card says."""
    draw = Random(SEED)  # noqa: S311 - breaks texts, guards nothing
    replies = [row for row in rows if row.kind == "reply"]
    good = [(row.scenario, row.text) for row in rows if row.kind == "sentence"]
    good += [(e.scenario, e.text) for e in correct_advice(CORPUS) if not e.dangerous]
    good += [(row.scenario, row.text) for row in replies if row.label != "incoherent"]
    held = [pair for pair in good if zlib.crc32(pair[1].encode()) % 2]
    usual = [text for _, text in good if not zlib.crc32(text.encode()) % 2]
    language = _language([*usual, *map(terse, usual)])
    by_scenario = [[text for of, text in held if of == name] for name in dict.fromkeys(s for s, _ in held)]
    whole = [_whole(draw.choice(by_scenario), draw) for _ in range(WHOLE)]
    wrecks = [
        broken(" ".join(draw.sample(of_one, 3)), draw.choice(of_one), draw)
        for of_one in (draw.choice(by_scenario) for _ in range(BROKEN))
    ]
    none = np.zeros(0)
    plain = Coherence(language, Sense(none, none, none, 0.0, 0.0))
    stacked = np.concatenate([plain.measures(tokenise(text).forms) for text in whole])
    mean, scale = stacked.mean(0), stacked.std(0) + 1e-6
    ready = Coherence(language, Sense(mean, scale, none, 0.0, 0.0))
    table = np.array([ready.extremes(tokenise(text).forms) for text in whole + wrecks])
    label = np.array([0.0] * len(whole) + [1.0] * len(wrecks))
    model = regress(table, label, np.ones(len(label)), 1.0)
    judge = Coherence(language, Sense(mean, scale, model.weight, model.bias, 0.0))
    fine = np.array([judge.score(tokenise(r.text).forms) for r in replies if r.label != "incoherent"])
    bad = np.array([judge.score(tokenise(r.text).forms) for r in replies if r.label == "incoherent"])
    limit = float(np.quantile(bad, MISSED_SALAD))
    _write(
        COHERENCE,
        near=np.round(language.near / CHANCE_STEP).astype(np.uint8),
        far=np.round(language.far / CHANCE_STEP).astype(np.uint8),
        pairs=np.packbits(language.pairs),
        weight=model.weight,
        mean=mean,
        scale=scale,
        bias=np.array(model.bias),
        limit=np.array(limit),
    )
    return SenseFacts(int((bad > limit).sum()), len(bad), int((fine > limit).sum()), len(fine))


def _whole(texts: Sequence[str], draw: Random) -> str:
    """Put together a reply about one emergency, which names the same things again and again as such texts do.

    Every other one in the terse manner of lists and manuals.
    """
    parts = draw.sample(texts, draw.choice([1, 1, 2, 3, 4, 5, 7, 9]))
    return " ".join(map(terse, parts) if draw.random() < TERSE else parts)


def _language(texts: Sequence[str]) -> Language:
    """Count how classes and words follow one another."""
    near, far = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    pairs = np.zeros(PAIR_BITS, dtype=bool)
    for text in texts:
        forms = [form for form in tokenise(text).forms if form[0].isalnum()]
        classes = [EDGE, EDGE, *(class_of(form) for form in forms)]
        near.update(pairwise(classes[1:]))
        far.update(zip(classes, classes[2:], strict=False))
        for left, right in pairwise(forms):
            pairs[pair_of(left, right)] = True
    return Language(_chances(near), _chances(far), pairs)


def _chances(counts: Counter[tuple[int, int]]) -> NDArray[np.float64]:
    """Return smoothed log probabilities: five counts' worth of the class's overall share in each row.

    They are rounded as they will be stored, so that the judge learns from what it will see.
    """
    table = np.zeros((CLASSES, CLASSES))
    for (left, right), number in counts.items():
        table[left, right] = number
    share = (table.sum(0) + 0.5) / (table.sum() + 0.5 * CLASSES)
    chances = np.log((table + 5 * share) / (table.sum(1, keepdims=True) + 5))
    stored: NDArray[np.float64] = np.round(chances / CHANCE_STEP) * CHANCE_STEP
    return stored


def main(argv: list[str] | None = None) -> None:
    """Train everything and write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep-networks", action="store_true", help="train all but the networks")
    parser.add_argument("--device", default="cpu", help="where the networks are trained, such as cuda")
    given = parser.parse_args(argv)
    rubrics, rows = load_rubrics(), training_rows()
    write_words()
    write_topics(rows)
    facts = write_detector(rubrics, rows, None if given.keep_networks else str(given.device))
    text = card(facts, write_coherence(rows))
    atomic_write(HERE / "CARD.md", text)
    say(text)


if __name__ == "__main__":
    main()
