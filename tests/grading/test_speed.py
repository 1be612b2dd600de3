"""Speed on one core: the aim is 500 replies of 130 tokens a second; this guards what is reached.

One machine differs from another, and from itself a minute later, by more than a change of ours would. So a
fixed piece of work of a like kind (words found, paired, counted) is timed beside the grader, by turns.
"""

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable

from quant_triage.harness.grading import RuleGrader

MOST_PACES = 120  # that grading a reply may take; measured: 80, of 50 microseconds each
ROUNDS = 7


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_replies_a_second(grader: RuleGrader, human: dict[str, list[dict[str, str]]]) -> None:
    text = " ".join(row["reply"] for row in human["correct"]).split()
    replies = [" ".join(text[i : i + 100]) for i in range(0, len(text) - 100, 100)]  # about 130 tokens each
    assert len(replies) >= 30

    def grade() -> None:
        for reply in replies:
            grader.grade("", reply, "severe_bleeding")

    def pace() -> None:
        for reply in replies:
            words = re.findall(r"[a-z]+|\d+|[^\w\s]", reply.lower())
            counts = Counter(itertools.pairwise(words))
            [(counts[pair], pair[0].isalpha(), pair[1][:3]) for pair in counts]

    grade()
    paces = [_seconds(grade) / _seconds(pace) for _ in range(ROUNDS)]
    assert min(paces) <= MOST_PACES, paces
