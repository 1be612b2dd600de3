"""Which scenario a free question is about."""

from pathlib import Path

import yaml

from quant_triage.harness.grading import RuleGrader


def test_questions_are_recognised_or_left_open_but_rarely_mistaken(grader: RuleGrader) -> None:
    path = Path(__file__).with_name("questions.yaml")
    questions = yaml.safe_load(path.read_text(encoding="utf-8"))
    asked = [(scenario, question) for scenario, listed in questions.items() for question in listed]
    given = [(scenario, grader.infer_scenario(question), question) for scenario, question in asked]
    assert len(asked) == 90
    wrong = [row for row in given if row[1] not in {None, row[0]}]
    assert len(wrong) <= 4, wrong
    assert sum(scenario == found for scenario, found, _ in given) >= 80


def test_a_question_about_nothing_here_is_left_open(grader: RuleGrader) -> None:
    for question in (
        "How do I bake bread?",
        "What is the capital of France?",
        "help",
        "My laptop is slow today",
    ):
        assert grader.infer_scenario(question) is None
