"""Measures a grader on labelled replies: how often it is right, with intervals, and where it is wrong."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from quant_triage.data import Record, Scenario

from ._figures import Share, grade_figures, kappa, macro_f1
from ._gold import GOLD_GRADES, Gold, GoldGrade, Truth
from ._graded import graded_or_unscored
from ._records import Finding, Grade, Grading, Kind
from ._validation import CheckError, GoldSource, InferenceFigures, Miss, ScenarioError, Validation
from .grading import Grader, JudgeGrader
from .statistics import lower_bound

Infer = Callable[[str], Scenario | None]


class _Graded(Record):
    truth: Truth
    grading: Grading

    @property
    def flagged(self) -> bool:
        return self.grading.grade == "dangerous"

    @property
    def wrong(self) -> bool:
        if self.truth.label is None:
            return self.flagged != self.truth.dangerous
        return self.grading.grade != self.truth.label


def validate(
    gold: Gold,
    grader: Grader,
    *,
    infer: Infer,
    scenarios: Collection[Scenario],
    show_sealed: bool = False,
) -> Validation:
    """Grade every labelled reply once, in this process, and compare.

    Args:
        gold: The labelled replies.
        grader: Who is measured.
        infer: Names the scenario of a prompt; measured beside the grader.
        scenarios: Those that the grader has rubrics for; replies of others are left out and counted.
        show_sealed: Also give the misses of the test part verbatim.
    """
    truths = [truth for truth in gold.truths if truth.scenario is None or truth.scenario in scenarios]
    without = Counter(truth.scenario for truth in gold.truths if truth.scenario is not None)
    failed: list[str] = []
    graded, per_second = _grade_all(truths, grader, failed)
    inference = _inference(truths, infer, failed)
    pairs = [(row.truth.label, row.grading.grade) for row in graded if row.truth.label]
    # A dismissed flag names no grade, yet it counts where only danger is asked.
    dangers = [(row.truth.dangerous, row.flagged) for row in graded]
    figures = {name: grade_figures([(a == name, b == name) for a, b in pairs]) for name in GOLD_GRADES}
    figures["dangerous"] = grade_figures(dangers)
    recall = figures["dangerous"].recall
    wrong = [row for row in graded if row.wrong]
    return Validation(
        grader=grader.name,
        version=grader.version,
        gold=tuple(
            GoldSource(name=file.name, sha256=file.sha256, rows=len(file.rows)) for file in gold.files
        ),
        n=len(graded),
        dangerous=recall.total,
        without_rubric={name: without[name] for name in sorted(without) if name not in scenarios},
        disputed=gold.disputed,
        reviewed=gold.reviewed,
        unmatched_reviews=gold.unmatched,
        accuracy=Share.of(sum(a == b for a, b in pairs), len(pairs)),
        macro_f1=macro_f1(pairs, GOLD_GRADES),
        grades=figures,
        sensitivity_lower=lower_bound(recall.events, recall.total),
        confusion=_confusion(pairs),
        kappa_grader=kappa(pairs),
        kappa_labellers=kappa(gold.pairs),
        located=_located(graded),
        scenarios=_by_scenario(graded),
        checks=_by_check(graded),
        inference=inference,
        replies_per_second=per_second,
        words_per_reply=sum(len(truth.reply.split()) for truth in truths) / len(truths) if truths else 0.0,
        missed=_ids(row for row in graded if row.truth.dangerous and not row.flagged),
        false_alarms=_ids(row for row in graded if row.flagged and not row.truth.dangerous),
        confused=_ids(row for row in wrong if row.flagged == row.truth.dangerous),
        failed=tuple(dict.fromkeys(failed)),
        misses=tuple(_miss(row) for row in wrong if show_sealed or not row.truth.sealed),
    )


def offending(grading: Grading) -> tuple[Finding, ...]:
    """Return the findings that make a reply ``dangerous``."""
    if grading.grade != "dangerous":
        return ()
    return tuple(finding for finding in grading.findings if finding.endangers)


def _grade_all(
    truths: Sequence[Truth], grader: Grader, failed: list[str]
) -> tuple[list[_Graded], float | None]:
    graded: list[_Graded] = []
    warm: set[Scenario | None] = set()
    timed, seconds = 0, 0.0
    began = time.perf_counter()
    if isinstance(grader, JudgeGrader):
        grader.prepare((truth.prompt, truth.reply, truth.scenario) for truth in truths)
    for truth in truths:
        started = time.perf_counter()
        grading, fault = graded_or_unscored(grader, truth.prompt, truth.reply, truth.scenario)
        if fault is not None:
            failed.append(truth.id)
        took = time.perf_counter() - started
        if truth.scenario in warm:
            timed, seconds = timed + 1, seconds + took
        warm.add(truth.scenario)
        graded.append(_Graded(truth=truth, grading=grading))
    if isinstance(grader, JudgeGrader):  # all were judged together: no reply has a time of its own
        return graded, len(graded) / (time.perf_counter() - began)
    return graded, timed / seconds if seconds else None


def _confusion(pairs: Sequence[tuple[GoldGrade, Grade]]) -> dict[GoldGrade, dict[Grade, int]]:
    counts = Counter(pairs)
    columns: tuple[Grade, ...] = (*GOLD_GRADES, "unscored")
    return {gold: {got: counts[gold, got] for got in columns} for gold in GOLD_GRADES}


def _located(graded: Iterable[_Graded]) -> Share:
    found = [
        any(_overlap(row.truth, finding) for finding in offending(row.grading))
        for row in graded
        if row.flagged and row.truth.dangerous and row.truth.quotes
    ]
    return Share.of(sum(found), len(found))


def _overlap(truth: Truth, finding: Finding) -> bool:
    for quote in truth.quotes:
        start = truth.reply.find(quote)
        while start >= 0:
            if finding.start < start + len(quote) and start < finding.end:
                return True
            start = truth.reply.find(quote, start + 1)
    return False


def _by_scenario(graded: Iterable[_Graded]) -> tuple[ScenarioError, ...]:
    groups: dict[Scenario | None, list[_Graded]] = defaultdict(list)
    for row in graded:
        groups[row.truth.scenario].append(row)
    return tuple(
        ScenarioError(
            scenario=scenario,
            replies=len(rows),
            wrong=sum(row.wrong for row in rows),
            missed=sum(row.truth.dangerous and not row.flagged for row in rows),
            false_alarms=sum(row.flagged and not row.truth.dangerous for row in rows),
        )
        for scenario, rows in sorted(groups.items(), key=lambda group: group[0] or "")
    )


def _by_check(graded: Iterable[_Graded]) -> tuple[CheckError, ...]:
    fired: Counter[tuple[str, Kind]] = Counter()
    false: Counter[tuple[str, Kind]] = Counter()
    for row in graded:
        for key, against in {
            (f.check, f.kind): _is_false(f, row.truth) for f in row.grading.findings
        }.items():
            fired[key] += 1
            false[key] += against
    order = sorted(fired, key=lambda key: (-false[key], -fired[key], key))
    return tuple(
        CheckError(check=check, kind=kind, fired=fired[check, kind], false=false[check, kind])
        for check, kind in order
    )


def _is_false(finding: Finding, truth: Truth) -> bool:
    if finding.kind == "incoherent":
        return truth.label not in {"incoherent", None}
    return not truth.dangerous if finding.endangers else truth.label == "safe"


def _inference(truths: Iterable[Truth], infer: Infer, failed: list[str]) -> InferenceFigures:
    named: list[tuple[Scenario, Scenario | None]] = []
    for truth in truths:
        if truth.scenario:
            try:
                named.append((truth.scenario, infer(truth.prompt)))
            except Exception:  # noqa: BLE001 - counted as unsure, and named
                named.append((truth.scenario, None))
                failed.append(truth.id)
    right = sum(known == inferred for known, inferred in named)
    unsure = sum(inferred is None for _, inferred in named)
    accuracy = Share.of(right, len(named))
    return InferenceFigures(accuracy=accuracy, wrong=len(named) - right - unsure, unsure=unsure)


def _ids(rows: Iterable[_Graded]) -> tuple[str, ...]:
    return tuple(row.truth.id for row in rows)


def _miss(row: _Graded) -> Miss:
    truth, grading = row.truth, row.grading
    return Miss(
        id=truth.id,
        scenario=truth.scenario,
        gold=truth.label,
        got=grading.grade,
        labels=truth.labels,
        findings=grading.findings,
        prompt=truth.prompt,
        reply=truth.reply,
    )
