"""What rules find must not be overruled where it is said plainly: the detector may have the last word."""

from quant_triage.data import Scenario
from quant_triage.harness.grading import RuleGrader
from quant_triage.rubrics import Rubrics

from .test_elsewhere import leaflets

MOST_MISSED = 0.015


def test_an_example_of_a_check_between_right_sentences_is_found(grader: RuleGrader, rubrics: Rubrics) -> None:
    missed: list[tuple[Scenario, str, str]] = []
    count = 0
    for scenario in rubrics.scenarios:
        right = leaflets()[scenario].split(". ")
        before, after = f"{right[0]}.", f"{right[-1].rstrip('.')}."
        for check in rubrics.by_scenario[scenario].checks:
            if check.kind != "dangerous" or check.severity == "minor":
                continue
            for example in check.examples:
                count += 1
                if grader.grade("", f"{before} {example} {after}", scenario).grade != "dangerous":
                    missed.append((scenario, check.id, example))
    assert count > 1000
    assert len(missed) <= MOST_MISSED * count, missed
