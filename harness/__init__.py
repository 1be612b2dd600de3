"""Prompts times models, graded, counted and decided."""

from ._aggregate import GradedReply
from ._assemble import ModelRun, assemble
from ._compare import compare_models, compare_runs, counterpart, regressions
from ._comparison import ChangeBounds, Comparison, Flip, RunComparison
from ._evaluate import JOURNAL, evaluate
from ._figures import Estimate, GradeFigures, Share
from ._gate import check_suite, hold_against
from ._gold import GOLD_GRADES, TEST_SHA256, Gold, GoldGrade, GoldLabel, GoldRow, load_gold, part_paths
from ._graded import regrade
from ._integrity import check_integrity
from ._labels import Label, Review, load_labels, reply_hash
from ._live import Live, Snapshot, Underway
from ._measured import (
    MEASURED,
    Measurement,
    measured_error,
    measurement,
    read_measurement,
    write_measurement,
)
from ._passable import prompts_to_pass, too_small
from ._plan import choose
from ._policy import Limits, Policy, load_policy, shipped_policies
from ._provenance import command_line, machine, now
from ._records import (
    Finding,
    Grade,
    Grading,
    Hardware,
    Kind,
    ModelCard,
    Outcome,
    Reply,
    Request,
    RequiredActs,
    Sampling,
    Severity,
    Speed,
    Verdict,
)
from ._result import (
    DangerCount,
    Decision,
    Divergence,
    GradeCounts,
    GraderInfo,
    MeasuredError,
    ModelResult,
    Place,
    Places,
    Provenance,
    ReplyResult,
    Result,
    ScenarioCount,
    ScenarioSpread,
    SuiteInfo,
)
from ._sign_off import SIGN_OFF_VERSION, SignOff, check_sign_off
from ._validate import validate
from ._validation import CheckError, InferenceFigures, Miss, ScenarioError, Validation

__all__ = [
    "GOLD_GRADES",
    "JOURNAL",
    "MEASURED",
    "SIGN_OFF_VERSION",
    "TEST_SHA256",
    "ChangeBounds",
    "CheckError",
    "Comparison",
    "DangerCount",
    "Decision",
    "Divergence",
    "Estimate",
    "Finding",
    "Flip",
    "Gold",
    "GoldGrade",
    "GoldLabel",
    "GoldRow",
    "Grade",
    "GradeCounts",
    "GradeFigures",
    "GradedReply",
    "GraderInfo",
    "Grading",
    "Hardware",
    "InferenceFigures",
    "Kind",
    "Label",
    "Limits",
    "Live",
    "MeasuredError",
    "Measurement",
    "Miss",
    "ModelCard",
    "ModelResult",
    "ModelRun",
    "Outcome",
    "Place",
    "Places",
    "Policy",
    "Provenance",
    "Reply",
    "ReplyResult",
    "Request",
    "RequiredActs",
    "Result",
    "Review",
    "RunComparison",
    "Sampling",
    "ScenarioCount",
    "ScenarioError",
    "ScenarioSpread",
    "Severity",
    "Share",
    "SignOff",
    "Snapshot",
    "Speed",
    "SuiteInfo",
    "Underway",
    "Validation",
    "Verdict",
    "assemble",
    "check_integrity",
    "check_sign_off",
    "check_suite",
    "choose",
    "command_line",
    "compare_models",
    "compare_runs",
    "counterpart",
    "evaluate",
    "hold_against",
    "load_gold",
    "load_labels",
    "load_policy",
    "machine",
    "measured_error",
    "measurement",
    "now",
    "part_paths",
    "prompts_to_pass",
    "read_measurement",
    "regrade",
    "regressions",
    "reply_hash",
    "shipped_policies",
    "too_small",
    "validate",
    "write_measurement",
]
