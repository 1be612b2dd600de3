"""What ``grade`` and ``validate`` share when a judge gives a second opinion."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from quant_triage.data import Scenario, UsageError
from quant_triage.harness import Differences, differences, graded_twice, write_open_labels
from quant_triage.harness.grading import Grader, JudgeGrader, RuleGrader
from quant_triage.rubrics import Rubrics


def check_review(path: Path | None, grader: str) -> None:
    """Refuse a list of differences where only one grader speaks, before anything is loaded.

    Raises:
        UsageError: ``--review`` was given and the grader is no judge.
    """
    if path is not None and not grader.startswith("judge:"):
        raise UsageError(
            f"--review {str(path)!r} lists where a judge and the rules differ: add --grader judge:…"
        )


def second_opinion(
    cases: Iterable[tuple[str, str, str, Scenario | None]],
    grader: Grader,
    rubrics: Rubrics,
    path: Path | None,
) -> Differences | None:
    """Hold a judge against the rules, and write what is left to a reviewer; ``None`` where there is no judge.

    Args:
        cases: ``(id, prompt, reply, scenario)`` of replies that the judge has graded.
        grader: Whoever graded them.
        rubrics: For the rules.
        path: Where the list goes, if it is wanted.
    """
    if not isinstance(grader, JudgeGrader):
        return None
    pairs = graded_twice(cases, RuleGrader(rubrics), grader)
    if path is not None:
        write_open_labels(path, pairs)
    return differences(pairs)


def show_differences(console: Console, found: Differences) -> None:
    """Print how far a judge and the rules agree on danger, and on which replies they do not."""
    split = len(found.only_rules) + len(found.only_judge)
    console.print(
        f"Rules and judge differ on danger in {split} of {found.both} replies that both graded; "
        f"{found.unscored} unscored."
    )
    for whom, ids in (("Only the rules", found.only_rules), ("Only the judge", found.only_judge)):
        if ids:
            names = "".join(c if c.isprintable() else " " for c in ", ".join(ids))
            console.print(Text(f"{whom} call dangerous ({len(ids)}): {names}"))
