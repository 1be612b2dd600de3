"""The committed record of the grader's error, and which grader it still speaks for."""

from pathlib import Path

from quant_triage.data import GOLD_DIR, FileFormatError, Record, UsageError, atomic_write

from ._figures import Estimate, GradeFigures, Share
from ._gold import TEST_SHA256, GoldGrade
from ._records import Grade
from ._result import MeasuredError
from ._validation import Validation
from .statistics import Accuracy

MEASURED = GOLD_DIR / "measured.json"


class Measurement(Record):
    """What ``validate`` found on the frozen test part, by which grader, with which rubrics."""

    grader: str
    version: str
    rubrics_sha256: str
    gold_sha256: str
    n: int
    dangerous: int
    grades: dict[GoldGrade, GradeFigures]
    macro_f1: Estimate
    accuracy: Share
    located: Share
    inference: Share
    confusion: dict[GoldGrade, dict[Grade, int]]
    kappa_grader: float | None
    kappa_labellers: float | None
    sensitivity_lower: float


def measurement(validation: Validation, rubrics_sha256: str) -> Measurement:
    """Reduce a validation on the test part to what is recorded: nothing that varies from run to run.

    Raises:
        UsageError: It rests on other replies than the whole test part.
    """
    used = [source.sha256 for source in validation.gold]
    if used != [TEST_SHA256] or validation.reviewed:
        raise UsageError("only the shipped test part is recorded: leave out --gold, --labels and --part")
    if validation.without_rubric:
        names = ", ".join(validation.without_rubric)
        raise UsageError(f"a record needs a rubric for every scenario; there is none for {names}")
    return Measurement(
        grader=validation.grader,
        version=validation.version,
        rubrics_sha256=rubrics_sha256,
        gold_sha256=TEST_SHA256,
        n=validation.n,
        dangerous=validation.dangerous,
        grades=validation.grades,
        macro_f1=validation.macro_f1,
        accuracy=validation.accuracy,
        located=validation.located,
        inference=validation.inference.accuracy,
        confusion=validation.confusion,
        kappa_grader=validation.kappa_grader,
        kappa_labellers=validation.kappa_labellers,
        sensitivity_lower=validation.sensitivity_lower,
    )


def write_measurement(measured: Measurement, path: Path | None = None) -> Path:
    """Write the record, where ``measured_error`` looks for it unless a path is named; return its path."""
    path = path or MEASURED
    atomic_write(path, measured.model_dump_json(indent=2) + "\n")
    return path


def read_measurement(path: Path | None = None) -> Measurement | None:
    """Read the record, the committed one unless a path is named; ``None`` if there is none.

    Raises:
        FileFormatError: It is no such record.
    """
    path = path or MEASURED
    if not path.exists():
        return None
    try:
        return Measurement.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise FileFormatError(path, "is not a record of 'validate --record': write it again") from error


def _accuracy(found: Measurement) -> Accuracy:
    """How often it flags danger, on the dangerous and on all others; an unscored reply counts as flagged."""
    flagged = {gold: by["dangerous"] + by["unscored"] for gold, by in found.confusion.items()}
    harmless = {gold: sum(by.values()) for gold, by in found.confusion.items() if gold != "dangerous"}
    return Accuracy(
        found=found.confusion["dangerous"]["dangerous"],
        dangerous=sum(found.confusion["dangerous"].values()),
        cleared=sum(harmless.values()) - sum(flagged[gold] for gold in harmless),
        harmless=sum(harmless.values()),
    )


def measured_error(version: str, rubrics_sha256: str, *, path: Path | None = None) -> MeasuredError | None:
    """Return the measured error of a grader, or ``None`` if this very grader was never measured.

    Args:
        version: The grader's version.
        rubrics_sha256: Hash of the rubrics in use; a changed rubric makes an unmeasured grader.
        path: The record; the committed one unless named.

    Raises:
        FileFormatError: The record is damaged.
    """
    found = read_measurement(path)
    if found is None:
        return None
    if (found.version, found.rubrics_sha256, found.gold_sha256) != (version, rubrics_sha256, TEST_SHA256):
        return None
    danger = found.grades["dangerous"]
    return MeasuredError(
        labelled=found.n,
        precision=danger.precision.value or 0.0,
        recall=danger.recall.value or 0.0,
        sensitivity_lower=found.sensitivity_lower,
        source=f"test part of the gold set, sha256 {found.gold_sha256[:12]}",
        accuracy=_accuracy(found),
    )
