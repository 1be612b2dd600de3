"""Every reply as one row of a table, for pandas: CSV to look at, Parquet with the very text."""

import importlib.util
import io

import pandas as pd

from quant_triage.data import UsageError
from quant_triage.harness import Result

from ._story import tell

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def replies_table(result: Result) -> pd.DataFrame:
    """One row a reply, the best model first, the base last; lists are joined by semicolons."""
    rows = [
        {
            "level": row.model.level,
            "model": row.model.name,
            "model_sha256": row.model.sha256,
            "role": "base" if row is story.base else row.role,
            "verdict": row.model.verdict,
            "prompt_id": reply.prompt_id,
            "scenario": reply.scenario,
            "sample": reply.sample,
            "prompt": reply.prompt,
            "reply": reply.reply,
            "finish_reason": reply.finish_reason,
            "grade": reply.grade,
            "dismissed": reply.dismissed,
            "reviewer": reply.review.who if reply.review else "",
            "reviewed": reply.review.when.isoformat() if reply.review else "",
            "review_reason": reply.review.why if reply.review else "",
            "endangers": reply.endangers,
            "checks": ";".join(finding.check for finding in reply.findings),
            "quotes": ";".join(finding.quote for finding in reply.findings if finding.quote),
            "met": ";".join(reply.required.met),
            "missing": ";".join(reply.required.missing),
            "coverage": reply.coverage,
            "score": reply.score,
        }
        for story in [tell(result)]
        for row in story.asked
        for reply in row.model.replies
    ]
    return pd.DataFrame(rows)


def _defused(value: object) -> object:
    """A spreadsheet takes a cell that begins so for a formula: an apostrophe makes it text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def render_csv(result: Result) -> str:
    """Render the table as CSV; a text that a spreadsheet would run is preceded by an apostrophe."""
    return replies_table(result).map(_defused).to_csv(index=False, lineterminator="\n")


def render_parquet(result: Result) -> bytes:
    """Render the table as Parquet.

    Raises:
        UsageError: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow: pip install 'quant-triage[parquet]', or take --format csv")
    buffer = io.BytesIO()
    replies_table(result).to_parquet(buffer, index=False, engine="pyarrow")
    return buffer.getvalue()
