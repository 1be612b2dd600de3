"""Where a judge and the rules differ on danger: for people to settle, in lines that ``--labels`` reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from quant_triage.data import Record, Scenario, atomic_path

from ._graded import graded_or_unscored
from ._labels import OpenLabel, Question, reply_hash
from .grading import Grader


class Differences(Record):
    """How two graders agree on danger.

    Attributes:
        both: Replies that both could grade.
        unscored: Replies that one of them could not.
        only_rules: Ids that the rules alone call dangerous.
        only_judge: Ids that the judge alone calls dangerous.
    """

    both: int
    unscored: int
    only_rules: tuple[str, ...]
    only_judge: tuple[str, ...]


def graded_twice(
    cases: Iterable[tuple[str, str, str, Scenario | None]], rules: Grader, judge: Grader
) -> tuple[Question, ...]:
    """Grade each ``(id, prompt, reply, scenario)`` by both."""
    pairs = []
    for name, prompt, reply, scenario in cases:
        first, _ = graded_or_unscored(rules, prompt, reply, scenario)
        second, _ = graded_or_unscored(judge, prompt, reply, scenario)
        pairs.append(
            Question(
                id=name,
                scenario=first.scenario,
                prompt=prompt,
                reply=reply,
                rules=first.grade,
                judge=second.grade,
            )
        )
    return tuple(pairs)


def _scored(pairs: Iterable[Question]) -> list[Question]:
    return [pair for pair in pairs if "unscored" not in {pair.rules, pair.judge}]


def _split(scored: Iterable[Question]) -> list[Question]:
    return [pair for pair in scored if (pair.rules == "dangerous") != (pair.judge == "dangerous")]


def differences(pairs: Sequence[Question]) -> Differences:
    """Count where they agree, and name where they do not."""
    scored = _scored(pairs)
    split = _split(scored)
    return Differences(
        both=len(scored),
        unscored=len(pairs) - len(scored),
        only_rules=tuple(pair.id for pair in split if pair.rules == "dangerous"),
        only_judge=tuple(pair.id for pair in split if pair.judge == "dangerous"),
    )


def write_open_labels(path: Path, pairs: Sequence[Question]) -> None:
    """Write a line for each text on whose danger they differ; a reviewer fills in its label.

    Raises:
        UsageError: The file cannot be written.
    """
    lines = {
        key: OpenLabel(key=key, question=pair)
        for pair in _split(_scored(pairs))
        if (key := reply_hash(pair.prompt, pair.reply))
    }
    with atomic_path(path) as temporary:
        temporary.write_text("".join(line.model_dump_json() + "\n" for line in lines.values()), "utf-8")
