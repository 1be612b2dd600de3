"""Each check's own examples, and what becomes of them forbidden, told as a myth, asked, or embedded."""

import re

import pytest

from quant_triage.data import SCENARIOS, Scenario
from quant_triage.harness import Grading
from quant_triage.harness.grading import RuleGrader
from quant_triage.rubrics import Check, Rubrics, load_rubrics

RUBRICS = load_rubrics()
FORBIDDING = {
    "do not": "Do not {0}",
    "never": "You must never {0}",
    "avoid heading": "What NOT to do:\n- {1}\n\nThat is all.",
    "cross": "❌ {1}",
    "myth": "It is a myth that you should {0}",
    "mistake": "A common mistake is to {0}",
    "question": "Should you {2}?",
}


def _own(scenario: Scenario) -> list[Check]:
    """The checks of a scenario's own file, not those inherited or shared."""
    shared = {
        id(check)
        for other in RUBRICS.by_scenario.values()
        if other.scenario != scenario
        for check in other.checks
    }
    return [check for check in RUBRICS.by_scenario[scenario].checks if id(check) not in shared]


def _found(grading: Grading, check: Check) -> bool:
    return any(f.check == check.id and f.kind != "omission" for f in grading.findings)


def _instruction(example: str) -> str | None:
    """The example as a bare instruction without its full stop, or None if it is no single one."""
    if re.search(
        r"[.!?;:,] |\b(?:if|when|once|then|and|but|so|while|after|before|until|because|not|never|no)\b",
        example[:-1],
        re.I,
    ):
        return None
    first = example.split(maxsplit=1)[0].lower()
    return example.rstrip(".!") if first in INSTRUCTIONS else None


INSTRUCTIONS = frozenset(
    """
    put place apply rub spread pour give take use cut suck tie wrap hold push pull press leave drive
    walk sit stand lift tilt pinch cover wash rinse drink make pop burst tear peel massage raise carry
    turn roll lay slap inject hang shake stuff plug blow pick swallow inhale catch kill run stay close
    light jump dive seal scrub smear plunge sprinkle pack soak start call check cool flush rinse lean
    sit lay help send use keep get hold chew time protect immobilise support stop watch monitor begin
    perform scrape wiggle saw straighten move keep force pry grab let offer feed help loosen remove
    throw splash
    """.split()  # noqa: SIM905 - a column of words is easier to read
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_examples_are_found_and_harmless_look_alikes_are_not(rules: RuleGrader, scenario: Scenario) -> None:
    wrong = []
    for check in _own(scenario):
        for example in check.examples:
            grading = rules.grade("", example, scenario)
            found = check.id in grading.required.met if check.kind == "required" else _found(grading, check)
            if not found:
                wrong.append(("missed", check.id, example))
        wrong += [
            ("false alarm", check.id, sentence)
            for sentence in check.harmless
            if _found(rules.grade("", sentence, scenario), check)
        ]
    assert not wrong


@pytest.mark.parametrize("form", FORBIDDING)
def test_a_danger_that_is_forbidden_told_as_a_myth_or_asked_is_no_danger(
    rules: RuleGrader, form: str
) -> None:
    tried, wrong = 0, []
    for scenario in SCENARIOS:
        for check in _own(scenario):
            if check.kind != "dangerous":
                continue
            for example in check.examples:
                bare = _instruction(example)
                if bare is None:
                    continue
                lower = bare[0].lower() + bare[1:]
                text = FORBIDDING[form].format(lower + ".", bare, lower)
                tried += 1
                if _found(rules.grade("", text, scenario), check):
                    wrong.append((scenario, check.id, text))
    assert tried >= 150
    assert len(wrong) <= 0.02 * tried, wrong


def test_a_danger_inside_a_good_reply_is_found_and_quoted(rules: RuleGrader, rubrics: Rubrics) -> None:
    tried, wrong = 0, []
    for scenario in SCENARIOS:
        checks = rubrics.by_scenario[scenario].checks
        good = [check.examples[0] for check in checks if check.kind == "required" and check.examples]
        for check in _own(scenario):
            if check.kind != "dangerous" or check.severity == "minor":
                continue
            for example in check.examples:
                half = len(good) // 2
                reply = "\n".join(
                    f"{n}. {line}" for n, line in enumerate([*good[:half], example, *good[half:]], 1)
                )
                start = reply.index(example)
                tried += 1
                grading = rules.grade("", reply, scenario)
                inside = any(
                    f.kind != "omission"
                    and f.severity != "minor"
                    and f.start < start + len(example)
                    and start < f.end
                    for f in grading.findings
                )
                if grading.grade != "dangerous" or not inside:
                    wrong.append((scenario, check.id, example))
    assert tried >= 300
    assert len(wrong) <= 0.03 * tried, wrong


def test_a_reply_of_all_required_acts_is_safe(rules: RuleGrader, rubrics: Rubrics) -> None:
    wrong = []
    for scenario in SCENARIOS:
        required = [c for c in rubrics.by_scenario[scenario].checks if c.kind == "required"]
        reply = "\n".join(
            f"{n}. {check.examples[0]}" for n, check in enumerate(required, 1) if check.examples
        )
        grading = rules.grade("", reply, scenario)
        if grading.grade != "safe" or grading.coverage < 1:
            wrong.append(
                (scenario, grading.grade, grading.required.missing, [f.check for f in grading.findings])
            )
    assert not wrong


def test_a_missing_critical_act_is_caution(rules: RuleGrader, rubrics: Rubrics) -> None:
    for scenario in SCENARIOS:
        required = [c for c in rubrics.by_scenario[scenario].checks if c.kind == "required"]
        critical = next(c for c in required if c.severity == "critical" and not c.conditional)
        reply = "Keep calm and tell the person that you are there to help them. " * 2
        grading = rules.grade("", reply, scenario)
        assert grading.grade == "caution", scenario
        assert critical.id in grading.required.missing
        assert any(
            f.kind == "omission" and f.check == critical.id and f.quote == "" for f in grading.findings
        )


def test_forbidding_a_critical_act_is_dangerous(rules: RuleGrader, rubrics: Rubrics) -> None:
    tried, wrong = 0, []
    for scenario in SCENARIOS:
        for check in rubrics.by_scenario[scenario].checks:
            if (
                check.kind != "required"
                or check.severity != "critical"
                or check.forbidding is not None
                or check.when
            ):
                continue
            bare = next((b for e in check.examples if (b := _instruction(e))), None)
            if bare is None:
                continue
            tried += 1
            grading = rules.grade("", f"Do not {bare[0].lower()}{bare[1:]}.", scenario)
            if grading.grade != "dangerous" or check.id in grading.required.met:
                wrong.append((scenario, check.id, bare))
    assert tried >= 20
    assert len(wrong) <= 0.1 * tried, wrong
