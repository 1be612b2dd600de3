"""The images' files: in step with pyproject.toml, sound by their linters; nothing in them runs as root."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from quant_triage.quantize import _archive

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMAGES = ("harness", "converter", "trainer")


def _stages() -> dict[str, str]:
    """Each stage's instructions by its name, continuation lines joined."""
    text = re.sub(r"\\\n", " ", DOCKERFILE)
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)
    return {name: f"FROM {base}\n{body}" for base, name, body in zip(*[iter(parts[1:])] * 3, strict=True)}


def _pinned(name: str, *extras: str) -> str:
    wanted = [*PROJECT["dependencies"]]
    for extra in extras:
        wanted += PROJECT["optional-dependencies"][extra]
    (version,) = {one.partition("==")[2] for one in wanted if one.startswith(f"{name}==")}
    return str(version)


def _passes(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("LLAMA_CPP_PYTHON", _pinned("llama-cpp-python")),
        ("LLAMA_CPP_SHA256", _archive._SHA256[_pinned("llama-cpp-python")]),
        ("TORCH", _pinned("torch", "train")),
    ],
)
def test_versions_are_those_of_the_project(argument: str, expected: str) -> None:
    assert set(re.findall(rf"^ARG {argument}=(\S+)$", DOCKERFILE, flags=re.MULTILINE)) == {expected}


def test_every_other_version_comes_from_pyproject() -> None:
    listed = _passes(sys.executable, "containers/requirements.py", "train", "unsloth").split()
    extras = PROJECT["optional-dependencies"]
    assert set(PROJECT["dependencies"]) < set(listed)
    assert set(extras["train"]) < set(listed)
    assert {one for one in extras["unsloth"] if one.startswith("unsloth==")} < set(listed)
    assert all("==" in one for one in listed)


def test_the_base_is_pinned_by_digest_and_every_stage_stands_on_it() -> None:
    assert re.search(r"^ARG BASE=\S+:[\w.-]+@sha256:[0-9a-f]{64}$", DOCKERFILE, flags=re.MULTILINE)
    stages = _stages()
    for name, text in stages.items():
        base = text.split()[1]
        assert base == "${BASE}" or base in stages, name


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_without_rights_and_tells_its_health(image: str) -> None:
    stage = _stages()[image]
    instructions = [line.split()[0] for line in stage.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert re.findall(r"^USER (\S+)$", stage, flags=re.MULTILINE) == ["10001:10001"]
    assert {"HEALTHCHECK", "ENTRYPOINT"} <= set(instructions)
    assert 'VOLUME ["/models", "/runs"]' in _stages()["python"]


@pytest.mark.parametrize("image", IMAGES)
def test_a_change_of_ours_rebuilds_only_the_last_layers(image: str) -> None:
    """Sources are copied into the wheel's stage alone; engine, dependencies and torch come before it."""
    assert [name for name, text in _stages().items() if re.search(r"^COPY \. ", text, re.M)] == ["wheel"]
    stage = _stages()[image]
    assert stage.index("COPY --from=dependencies") < stage.index("from=wheel")


def test_the_dockerfile_passes_its_linter() -> None:
    _passes(BIN / "hadolint", "Dockerfile")


def test_compose_is_valid_by_its_schema_and_names_our_images() -> None:
    _passes(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert {service["build"]["target"] for service in services.values()} == set(IMAGES)
    assert services["harness"]["network_mode"] == "none"
    assert services["trainer"]["environment"]["TORCH_COMPILE_DISABLE"] == "1"
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_what_the_wheel_is_made_of_reaches_a_build() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.partition("/")[0] for path in setuptools["package-dir"].values()}
    files = {"pyproject.toml", "containers/requirements.py", PROJECT["readme"], *PROJECT["license-files"]}
    assert let_in == folders | files


def test_the_documented_commands_name_our_images() -> None:
    text = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    text += (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"quant-triage:(\w+)", text)) | set(re.findall(r"--target (\w+)", text))
    assert named == set(IMAGES)
    gpu = re.findall(r"^\$ docker run .*--gpus.*$", text, flags=re.MULTILINE)
    assert gpu
    assert all("TORCH_COMPILE_DISABLE=1" in line and "quant-triage:trainer" in line for line in gpu)
