"""report.json: read back as written, in step with its published schema, and refused in one clear line."""

import json
from pathlib import Path

import jsonschema
import pytest

from quant_triage.data import FileFormatError, UsageError
from quant_triage.harness import Result
from quant_triage.reports import SCHEMA_PATH, read_result, schema_text, write_result


def test_what_is_written_is_read_back(result: Result, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_result(path, result)
    assert read_result(path) == result


def test_the_published_schema_is_in_step_with_the_model() -> None:
    how = (
        "write it anew: python -c 'from quant_triage.reports import *; SCHEMA_PATH.write_text(schema_text())'"
    )
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), how


def test_a_report_fits_the_schema_and_a_broken_one_does_not(result: Result, tmp_path: Path) -> None:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    path = tmp_path / "report.json"
    write_result(path, result)
    report = json.loads(path.read_text(encoding="utf-8"))
    validator.validate(report)
    report["models"][0]["verdict"] = "fine"
    with pytest.raises(jsonschema.ValidationError, match="'fine'"):
        validator.validate(report)


def test_bad_files_are_refused_in_one_line(result: Result, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with pytest.raises(UsageError, match="cannot read"):
        read_result(path)
    for content, words in (
        ("{", "not valid JSON"),
        ("[]", "no object"),
        ('{"schema_version": 99}', "field 'schema_version': is 99"),
        ('{"schema_version": 1}', "field 'suite'"),
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(FileFormatError, match=words) as caught:
            read_result(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
