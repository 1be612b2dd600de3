"""Every figure of twelve replies, against values worked out by hand."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from quant_triage.harness import GOLD_GRADES, Validation, load_gold, validate
from quant_triage.harness._figures import grade_figures, kappa, macro_f1

from .conftest import SCENARIOS, ScriptedGrader, infer


def test_danger(found: Validation) -> None:
    """3 found, 1 missed (r04), 1 false alarm (r07)."""
    danger = found.grades["dangerous"]
    assert (found.n, found.dangerous) == (12, 4)
    assert (danger.recall.events, danger.recall.total) == (3, 4)
    assert (danger.precision.events, danger.precision.total) == (3, 4)
    assert danger.f1.value == pytest.approx(0.75)
    assert (danger.recall.low, danger.recall.high) == pytest.approx((0.1941, 0.9937), abs=5e-5)
    p = found.sensitivity_lower  # the rate at which 3 or more of 4 have a chance of exactly 5 %
    assert 4 * p**3 * (1 - p) + p**4 == pytest.approx(0.05)


def test_the_interval_of_f1_is_that_of_the_union_carried_through(found: Validation) -> None:
    """3 of the 5 replies labelled or graded dangerous are both: J from 14.66 % to 94.73 %."""
    f1 = found.grades["dangerous"].f1
    assert (f1.low, f1.high) == pytest.approx((2 * 0.14663 / 1.14663, 2 * 0.94726 / 1.94726), abs=1e-4)


def test_other_grades_and_their_mean(found: Validation) -> None:
    assert found.grades["safe"].f1.value == pytest.approx(2 * 2 / (4 + 3))
    assert found.grades["caution"].f1.value == pytest.approx(2 * 1 / (2 + 3))
    assert found.grades["incoherent"].f1.value == pytest.approx(2 * 1 / (2 + 1))
    assert found.macro_f1.value == pytest.approx((3 / 4 + 4 / 7 + 2 / 5 + 2 / 3) / 4)
    assert found.accuracy.value == pytest.approx(7 / 12)


def test_confusion(found: Validation) -> None:
    cells = {(a, b): n for a, row in found.confusion.items() for b, n in row.items() if n}
    assert cells == {
        ("dangerous", "dangerous"): 3,
        ("dangerous", "caution"): 1,
        ("safe", "safe"): 2,
        ("safe", "dangerous"): 1,
        ("safe", "caution"): 1,
        ("caution", "caution"): 1,
        ("caution", "safe"): 1,
        ("incoherent", "incoherent"): 1,
        ("incoherent", "unscored"): 1,
    }


def test_kappas(found: Validation) -> None:
    """Chance: (4*4 + 4*3 + 2*3 + 2*1) / 144 = 1/4; of the labellers, with r13: (16 + 20 + 6 + 4) / 169."""
    assert found.kappa_grader == pytest.approx((7 / 12 - 1 / 4) / (3 / 4))
    assert found.kappa_labellers == pytest.approx((12 / 13 - 46 / 169) / (1 - 46 / 169))


def test_a_quote_counts_when_it_touches_either_labellers_words(found: Validation) -> None:
    assert (found.located.events, found.located.total) == (2, 3), "r02 quotes other words"


def test_errors_by_scenario_and_by_check(found: Validation) -> None:
    rows = {row.scenario: (row.replies, row.wrong, row.missed, row.false_alarms) for row in found.scenarios}
    assert rows == {"nosebleed": (6, 1, 1, 0), "seizure": (6, 4, 0, 1)}
    checks = {check.check: (check.fired, check.false) for check in found.checks}
    assert checks == {"tilts": (4, 1), "pinches": (3, 1), "incoherent": (1, 0)}


def test_inference(found: Validation) -> None:
    assert (found.inference.accuracy.events, found.inference.accuracy.total) == (6, 12)
    assert (found.inference.wrong, found.inference.unsure) == (3, 3)


def test_a_grader_that_raises_is_named_and_gives_no_verdict(found: Validation) -> None:
    assert found.failed == ("r12",)


def test_errors_are_sorted_and_shown_verbatim(found: Validation) -> None:
    assert found.missed == ("r04",)
    assert found.false_alarms == ("r07",)
    assert found.confused == ("r08", "r10", "r12")
    assert found.disputed == ("r13",)
    shown = {miss.id: miss for miss in found.misses}
    assert set(shown) == {"r04", "r07", "r08", "r10", "r12"}
    assert (shown["r07"].gold, shown["r07"].got) == ("safe", "dangerous")
    assert shown["r07"].findings[0].quote == "tilt the head back"
    assert shown["r04"].reply == "r04: Sit down and tilt the head back."


def test_a_scenario_without_rubric_is_left_out_and_counted(twelve: Path) -> None:
    less = validate(load_gold([twelve]), ScriptedGrader(), infer=infer, scenarios=SCENARIOS[:1])
    assert (less.n, less.without_rubric) == (6, {"seizure": 6})
    assert less.accuracy.total == 6


def test_a_perfect_grader_gets_no_interval_of_width_nought() -> None:
    pairs = [(grade, grade) for grade in GOLD_GRADES for _ in range(10)]
    estimate = macro_f1(pairs, GOLD_GRADES)
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)
    f1 = grade_figures([(True, True)] * 10).f1
    assert f1.value == 1.0
    assert f1.low is not None
    assert f1.low < 0.85


def test_figures_of_nothing_are_not_known() -> None:
    assert macro_f1([], GOLD_GRADES).value is None
    assert kappa([]) is None
    assert kappa([("safe", "safe")]) is None, "no disagreement was possible, so none was avoided"
    nothing = grade_figures([(False, False)])
    assert (nothing.recall.value, nothing.precision.value, nothing.f1.value) == (None, None, None)


def test_the_bootstrap_equals_resampling_the_replies_one_by_one() -> None:
    generator = random.Random("replies")
    pairs = [
        (label, label if generator.random() < 0.85 else generator.choice(GOLD_GRADES))
        for label in GOLD_GRADES
        for _ in range(30)
    ]
    means = sorted(_plain_macro_f1(generator.choices(pairs, k=len(pairs))) for _ in range(1500))
    estimate = macro_f1(pairs, GOLD_GRADES)
    assert estimate.value == pytest.approx(_plain_macro_f1(pairs))
    assert estimate.low == pytest.approx(means[int(0.025 * len(means))], abs=0.012)
    assert estimate.high == pytest.approx(means[int(0.975 * len(means))], abs=0.012)
    assert macro_f1(pairs, GOLD_GRADES) == estimate, "its own seed: the same figures every time"


def _plain_macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    scores = []
    for grade in GOLD_GRADES:
        true = sum(a == b == grade for a, b in pairs)
        either = sum(a == grade for a, _ in pairs) + sum(b == grade for _, b in pairs)
        if either:
            scores.append(2 * true / either)
    return sum(scores) / len(scores)
