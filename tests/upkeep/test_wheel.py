"""What is published works: built from the tree, checked, installed into a clean environment, used."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RECORDED = ROOT / "data" / "recorded" / "gemma3n.jsonl"

pytestmark = pytest.mark.slow


def _done(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))
    }
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _tree() -> list[str]:
    """The files of the tree, those that git ignores left out."""
    listed = _done("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the source archive as a release makes it, from a copy of the tree."""
    copy, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in _tree():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    _done(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, copy)
    _done(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir())
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of a new environment that holds the wheel; its dependencies are ours, by a link."""
    folder = tmp_path_factory.mktemp("clean")
    _done(sys.executable, "-m", "venv", "--without-pip", folder)
    _done(sys.executable, "-m", "pip", "--python", folder, "install", "--no-deps", "--no-index", wheel)
    installed = next(folder.glob("lib/python3*/site-packages"))
    (installed / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


def test_nothing_bare_and_nothing_missing(wheel: Path) -> None:
    """One name at the top, and below it every file of the tree's packages, data and types included."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"quant_triage", f"quant_triage-{_version()}.dist-info"}
    folders = sorted(PROJECT["tool"]["setuptools"]["package-dir"].items(), key=lambda item: -len(item[1]))
    missing = []
    for name in _tree():
        package = next((package for package, folder in folders if name.startswith(f"{folder}/")), None)
        if package is not None and name not in _DEVELOPMENT:
            inside = package.replace(".", "/") + name.removeprefix(dict(folders)[package])
            missing += [name] if inside not in names else []
    assert not missing


# Read by people in the repository, or run by them; no installed program needs them.
_DEVELOPMENT = {"data/README.md"}


def _version() -> str:
    return str(PROJECT["project"]["version"])


def test_the_command_decides(clean: Path, tmp_path: Path) -> None:
    where = _done(clean / "python", "-c", "import quant_triage.harness as h; print(h.__file__)", cwd=tmp_path)
    assert where.startswith(str(clean.parent))
    assert _done(clean / "quant-triage", "--version", cwd=tmp_path).strip() == _version()
    _done(clean / "quant-triage", "evaluate", RECORDED, "--policy", "seed", "--out", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    _done(clean / "quant-triage", "report", "out", "--format", "html,md,card,junit,sarif", cwd=tmp_path)


def test_the_bundled_data_are_read(clean: Path, tmp_path: Path) -> None:
    """Base, data set, texts for importance, recorded replies, recipes: all through the installed files."""
    code = """
from quant_triage import data, prompts, quantize, rubrics, training
assert (data.BASE_DIR / "model.safetensors").stat().st_size > 1_000_000
assert len(training.read_dataset(data.EMERGENCY_DATASET)) > 100
assert any(data.CALIBRATION_DIR.iterdir()) and any(data.RECORDED_DIR.iterdir())
assert len(prompts.load_suite().prompts) >= 360 and len(rubrics.load_rubrics().by_scenario) == 30
assert quantize.recipe_names()
"""
    _done(clean / "python", "-c", code, cwd=tmp_path)


def test_the_pytest_plugin_comes_with_it(clean: Path, tmp_path: Path) -> None:
    options = ("--safety-policy", "seed", "--safety-level", "Q4_K_M", "--safety-out", str(tmp_path / "out"))
    out = _done(clean / "python", "-m", "pytest", f"--safety-model={RECORDED}", *options, "-q", cwd=tmp_path)
    assert "2 passed" in out
