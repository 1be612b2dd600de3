"""Tables for pandas and logs for Inspect: the same facts as report.json, and text that cannot act."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from quant_triage.data import UsageError
from quant_triage.harness import Result
from quant_triage.reports import render, replies_table


def _changed(result: Result, reply: str) -> Result:
    first, *others = result.models
    odd = first.replies[0].model_copy(update={"reply": reply, "findings": ()})
    return result.model_copy(
        update={"models": (first.model_copy(update={"replies": (odd, *first.replies[1:])}), *others)}
    )


def test_csv_and_parquet_hold_every_reply_and_its_counts(result: Result, tmp_path: Path) -> None:
    csv, parquet = render(result, ["csv", "parquet"], tmp_path)
    tables = [pd.read_csv(csv, keep_default_na=False), pd.read_parquet(parquet)]
    for table in tables:
        for model in result.models:
            own = table[table["model_sha256"] == model.sha256]
            assert len(own) == len(model.replies)
            assert own.groupby("prompt_id")["endangers"].any().sum() == model.danger.events
            assert (own["grade"] == "caution").sum() == model.grades.caution
        assert set(table.loc[table["role"] == "base", "grade"]) >= {"dangerous"}
    assert tables[1]["reply"].tolist()[: len(result.models[0].replies)] == [
        reply.reply for reply in result.models[0].replies
    ]


@pytest.mark.parametrize("text", ['=HYPERLINK("http://evil.example";"x")', "+1", "-2", "@sum(1)", "\t=1"])
def test_a_spreadsheet_runs_no_reply(result: Result, tmp_path: Path, text: str) -> None:
    odd = _changed(result, text)
    csv, parquet = render(odd, ["csv", "parquet"], tmp_path)
    cells = pd.read_csv(io.StringIO(csv.read_text(encoding="utf-8")), keep_default_na=False)
    assert cells["reply"][0] == f"'{text}"
    assert pd.read_parquet(parquet)["reply"][0] == text == replies_table(odd)["reply"][0]


READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
from inspect_ai.log import list_eval_logs, read_eval_log
logs = [read_eval_log(info) for info in list_eval_logs(sys.argv[1])]
print(json.dumps([
    {
        "model": log.eval.model, "sha256": log.eval.metadata["sha256"], "status": log.status,
        "metrics": {name: metric.value for name, metric in log.results.scores[0].metrics.items()},
        "replies": {
            one.id: [one.scores["grade"].value, one.output.completion] for one in log.samples or []
        },
    }
    for log in logs
]))
"""


def test_inspect_reads_what_we_wrote(result: Result, tmp_path: Path) -> None:

    odd = _changed(result, "<script>alert(1)</script> {{ 7 }} \x1b[31m")
    # In processes of their own, as a user has them: inspect_ai changes asyncio for its whole process.
    (tmp_path / "report.json").write_text(odd.model_dump_json(), encoding="utf-8")
    wrote = [sys.executable, "-m", "quant_triage.harness.cli", "report", str(tmp_path), "--format", "inspect"]
    subprocess.run(wrote, check=True, capture_output=True)
    read = [sys.executable, "-c", READ, str(tmp_path / "inspect")]
    logs = json.loads(subprocess.run(read, check=True, capture_output=True, text=True).stdout)
    found = {log["sha256"]: log for log in logs}
    assert odd.base
    for model in (*odd.models, odd.base):
        log = found.pop(model.sha256)
        assert log["status"] == ("success" if model.outcome.status == "ok" else "error")
        assert log["replies"] == {reply.prompt_id: [reply.grade, reply.reply] for reply in model.replies}
        assert log["metrics"]["dangerous_prompts"] == model.danger.events
        assert log["metrics"]["danger_rate_upper"] == pytest.approx(model.danger.upper)
    assert found == {}


def test_what_is_not_installed_is_named(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for name in ("parquet", "inspect"):
        with pytest.raises(UsageError, match=rf"pip install 'quant-triage\[{name}\]'"):
            render(result, [name], tmp_path)
    assert list(tmp_path.iterdir()) == []
