"""The networks beside the detector: they read words in order, each sentence by itself."""

from pathlib import Path

import numpy as np
import pytest

from quant_triage.data import BASE_DIR
from quant_triage.harness.grading._index import Index
from quant_triage.harness.grading._network import Network, Spelled, spell
from quant_triage.harness.grading._networks import UNREAD, Heard, load_networks
from quant_triage.harness.grading._view import View
from quant_triage.rubrics import Rubrics

MODELS = Path(__file__).parents[2] / "harness" / "grading" / "model"
MOST_BYTES = 16_000_000  # of all weights in the repository


def _heard(rubrics: Rubrics, text: str, *, likely: bool = True) -> Heard:
    view = View(Index(rubrics.by_scenario["thermal_burn"].checks, rubrics), text)
    networks = load_networks()
    every = range(len(view.analysis.sentences))
    lines = networks.lexicon.read(spell(view, [], every))
    return networks.scores(lines, "thermal_burn", np.full(len(every), likely))


def test_a_sentence_is_read_by_itself(rubrics: Rubrics) -> None:
    parts = ["Cool it under the tap for twenty minutes.", "Spread butter on it.", "Call 999."]
    together = _heard(rubrics, " ".join(parts))
    for number, part in enumerate(parts):
        for mine, alone in zip(together, _heard(rubrics, part), strict=True):
            assert mine[number] == pytest.approx(alone[0], abs=1e-4)
    for scores in together:
        assert scores[1] > max(scores[0], scores[2])


def test_unlikely_sentences_are_not_read_by_all(rubrics: Rubrics) -> None:
    text = "Cool it under the tap for twenty minutes. Spread butter on it."
    all_read, one_read = _heard(rubrics, text), _heard(rubrics, text, likely=False)
    assert one_read.turned.tolist() == all_read.turned.tolist()
    assert one_read.all == pytest.approx((one_read.turned + UNREAD) / 2)
    assert one_read.all[1] < all_read.all[1]


def test_a_lost_not_speaks_for_itself(rubrics: Rubrics) -> None:
    right, wrong = _heard(rubrics, "Do not put ice on it. Put ice on it.").turned
    assert wrong > 0 > right


def test_a_reply_without_words_has_no_score() -> None:
    networks = load_networks()
    nothing = networks.lexicon.read([Spelled((), (), (), (), ())])
    none = networks.scores(nothing, "thermal_burn", np.ones(1, dtype=bool))
    assert (none.all.tolist(), none.turned.tolist()) == ([0.0], [0.0])
    none = networks.scores(networks.lexicon.read([]), "thermal_burn", np.ones(0, dtype=bool))
    assert (none.all.tolist(), none.turned.tolist()) == ([], [])


@pytest.mark.slow
def test_networks_trained_side_by_side_learn_their_own_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch trains is what numpy computes, or the two orders of words would not come apart."""
    fit = pytest.importorskip("quant_triage.harness.grading._network_fit")
    # Enough for this, and quick.
    for name, value in {"BATCH": 32, "DEPTH": 32, "WIDTH": 48, "GUESSING": 6, "TELLING": 16}.items():
        monkeypatch.setattr(fit, name, value)
    draw = np.random.default_rng(0)
    fill = [f"word{number}" for number in range(20)]
    sentences = []
    for number in range(1500):
        order = ["press", "first", "cool"] if number % 2 else ["cool", "first", "press"]
        words = (*draw.choice(fill, 3).tolist(), *order, *draw.choice(fill, 3).tolist())
        sentences.append(Spelled(words, (0,) * 9, (0,) * 9, (0,) * 9, ()))
    dangerous, seen = np.arange(1500) % 2, np.arange(1500) < 1000
    lexicon = fit.lexicon_of(sentences)
    data = fit.Sentences(lexicon, lexicon.read(sentences), np.zeros(1500, dtype=np.int64))
    told: list[str] = []
    lessons = [fit.Lesson(labels, seen.astype(np.float64), 0.2) for labels in (dangerous, 1 - dangerous)]
    trained = fit.train(data, lessons, "cpu", told.append)
    assert len(told) == 6 + 16
    unseen = lexicon.read(sentences[1000:])
    for tensors, labels in zip(trained, (dangerous, 1 - dangerous), strict=True):
        scores = Network(lexicon, tensors).scores(unseen, "asthma_attack")
        assert ((scores > 0) == labels[1000:]).mean() > 0.97


def test_all_weights_stay_within_their_limit() -> None:
    files = [*MODELS.glob("*.npz"), *BASE_DIR.glob("*.safetensors"), *BASE_DIR.glob("tokenizer*")]
    assert len(files) >= 7
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
