"""Speed on one core. The aim is 500 replies of 130 tokens a second; the bound allows for a busy machine."""

import time

from quant_triage.harness.grading import RuleGrader

LEAST_A_SECOND = 200


def test_replies_a_second(grader: RuleGrader, human: dict[str, list[dict[str, str]]]) -> None:
    text = " ".join(row["reply"] for row in human["correct"]).split()
    replies = [" ".join(text[i : i + 100]) for i in range(0, len(text) - 100, 100)]  # about 130 tokens each
    assert len(replies) >= 30

    def grade_all() -> float:
        start = time.process_time()
        for reply in replies:
            grader.grade("", reply, "severe_bleeding")
        return len(replies) / (time.process_time() - start)

    assert max(grade_all() for _ in range(5)) >= LEAST_A_SECOND
