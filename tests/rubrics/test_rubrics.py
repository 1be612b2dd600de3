import re
import shutil
from pathlib import Path

import pytest

from quant_triage.data import SCENARIOS, FileFormatError, UsageError
from quant_triage.rubrics import load_rubrics

SHIPPED = Path(__file__).parents[2] / "rubrics"
MINIMAL = """\
scenario: nosebleed
title: Nosebleed
recognise:
  4:
    - nose > bleed
checks:
  - id: lean_forward
    kind: required
    severity: critical
    title: Lean forward
    source: sja
    acts:
      - lean > forward
  - id: head_back
    kind: dangerous
    severity: major
    title: Head tilted back
    why: Blood runs into the throat.
    source: sja
    acts:
      - TILT > head > back
"""


TITLE = "    title: Head tilted back\n"


def _write(folder: Path, text: str = MINIMAL, name: str = "nosebleed.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_scenario_has_a_rubric_of_real_depth() -> None:
    rubrics = load_rubrics()
    assert set(rubrics.scenarios) == set(SCENARIOS)
    for scenario in SCENARIOS:
        checks = rubrics.by_scenario[scenario].checks
        required = [c for c in checks if c.kind == "required"]
        dangerous = [c for c in checks if c.kind == "dangerous"]
        assert any(c.severity == "critical" for c in required), scenario
        assert len(required) >= 4, scenario
        assert len(dangerous) >= 10, scenario
        assert all(c.examples for c in dangerous), scenario
        assert rubrics.by_scenario[scenario].recognise, scenario


def test_a_check_may_add_acts_to_the_shared_one_of_its_name(tmp_path: Path) -> None:
    own = (
        "  - {id: call_help, kind: required, severity: critical, extends: true, title: Call, acts: [whistle]"
    )
    _write(tmp_path, f"{MINIMAL}{own}, source: sja}}\n")
    rubric = load_rubrics(tmp_path).by_scenario["nosebleed"]
    (check,) = [check for check in rubric.checks if check.id == "call_help"]
    acts = [act.text for act in check.acts]
    assert acts[-1] == "whistle"
    assert any(act.startswith("CALL + EMERGENCY") for act in acts)


def test_a_check_that_extends_nothing_is_refused_with_its_line(tmp_path: Path) -> None:
    _write(
        tmp_path, MINIMAL.replace("    severity: critical\n", "    severity: critical\n    extends: true\n")
    )
    with pytest.raises(FileFormatError, match="'lean_forward' replaces no check") as caught:
        load_rubrics(tmp_path)
    assert (caught.value.line, caught.value.field) == (7, "extends")


def test_a_directory_of_ones_own_takes_what_it_lacks_from_ours(tmp_path: Path) -> None:
    _write(tmp_path)
    rubrics = load_rubrics(tmp_path)
    assert rubrics.scenarios == ("nosebleed",)
    ids = {check.id for check in rubrics.by_scenario["nosebleed"].checks}
    assert {"lean_forward", "head_back", "alcohol_to_drink"} <= ids
    assert str(rubrics.sources["sja"]) == "St John Ambulance, First aid reference guide (2022)"


def test_require_names_a_scenario_without_a_rubric(tmp_path: Path) -> None:
    _write(tmp_path)
    rubrics = load_rubrics(tmp_path)
    rubrics.require(["nosebleed"])
    with pytest.raises(UsageError, match=r"no rubric for scenario 'stroke'.*nosebleed"):
        rubrics.require(["nosebleed", "stroke"])


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    path = _write(tmp_path)
    before = load_rubrics(tmp_path).sha256
    assert load_rubrics(tmp_path).sha256 == before
    path.write_text(MINIMAL.replace("lean > forward", "lean|sit > forward"), encoding="utf-8")
    assert load_rubrics(tmp_path).sha256 != before


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("severity: major", "severity: awful", 16, "field 'checks.1.severity'"),
        ("kind: dangerous", "kind: deadly", 15, "field 'checks.1.kind'"),
        ("TILT > head > back", "TILTT > head > back", 21, "'TILTT' is not a synonym set"),
        ("TILT > head > back", "TILT > Head!", 21, "field 'checks.1.acts.0'"),
        ("TILT > head > back", "head - back > TILT", 21, "must come before every"),
        ("    why: Blood runs into the throat.\n", "", 14, "needs 'why'"),
        ("source: sja\n    acts:\n      - T", "source: who\n    acts:\n      - T", 19, "'who' is not"),
        ("id: head_back", "id: lean_forward", None, "occurs twice"),
        ("id: head_back", "id: Head Back", 14, "field 'checks.1.id'"),
        (TITLE, TITLE + "    colour: red\n", 18, "'checks.1.colour': is not a known"),
        (TITLE, TITLE + "    unit: cm\n", 14, "'unit' belongs to 'quantity'"),
        (TITLE, TITLE + "    when: [asleep]\n", 18, "'asleep' is not a state"),
        ("scenario: nosebleed", "scenario: hiccups", 1, "field 'scenario'"),
        ("scenario: nosebleed", "scenario: stroke", None, "must be named stroke.yaml"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int | None, problem: str
) -> None:
    assert old in MINIMAL
    path = _write(tmp_path, MINIMAL.replace(old, new))
    with pytest.raises(FileFormatError) as caught:
        load_rubrics(tmp_path)
    message = str(caught.value)
    assert problem in message
    assert message.startswith(f"{path}:{line}:" if line else str(path)), message
    assert "\n" not in message


def test_other_faults_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rubrics directory at"):
        load_rubrics(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no rubric"):
        load_rubrics(tmp_path)
    _write(tmp_path, "checks: [")
    with pytest.raises(FileFormatError, match="not valid YAML"):
        load_rubrics(tmp_path)


def test_a_scenario_inherits_drops_and_replaces(tmp_path: Path) -> None:
    _write(tmp_path)
    child = """\
    scenario: head_injury
    title: Head injury
    inherit: [nosebleed]
    drop: [head_back]
    checks:
      - {id: lean_forward, kind: required, severity: minor, title: Lean forward, source: sja, acts: [lean]}
    """
    _write(tmp_path, re.sub(r"^    ", "", child, flags=re.M), "head_injury.yaml")
    checks = {c.id: c for c in load_rubrics(tmp_path).by_scenario["head_injury"].checks}
    assert "head_back" not in checks
    assert checks["lean_forward"].severity == "minor"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("inherit: []", "inherit: [head_injury]", "inherits from"),
        ("inherit: []", "inherit: [stroke]", "'stroke' has no rubric here"),
        ("drop: []", "drop: [sneeze]", "'sneeze' is not an inherited check"),
    ],
)
def test_inheritance_that_cannot_be(tmp_path: Path, old: str, new: str, problem: str) -> None:
    parent = MINIMAL.replace("title: Nosebleed", "title: Nosebleed\ninherit: []\ndrop: []")
    if "head_injury" in new:
        other = parent.replace("nosebleed", "head_injury").replace("inherit: []", "inherit: [nosebleed]")
        _write(tmp_path, other, "head_injury.yaml")
    _write(tmp_path, parent.replace(old, new))
    with pytest.raises(FileFormatError, match=re.escape(problem)):
        load_rubrics(tmp_path)


def test_yaml_bombs_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "a: &a [x]\nb: [*a, *a]\n")
    with pytest.raises(FileFormatError, match="alias 'a' is not allowed"):
        load_rubrics(tmp_path)


def test_the_worked_example_of_the_documentation_is_a_rubric_that_works(tmp_path: Path) -> None:
    page = (SHIPPED.parent / "docs" / "writing-rubrics.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
    example = next(block for block in blocks if block.startswith("scenario: "))
    shutil.copytree(SHIPPED, tmp_path / "rubrics", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    scenario = example.split("\n")[0].removeprefix("scenario: ").strip()
    _write(tmp_path / "rubrics", example, f"{scenario}.yaml")
    rubrics = load_rubrics(tmp_path / "rubrics")
    own = [c for c in rubrics.by_scenario[scenario].checks if c.examples]
    assert own
