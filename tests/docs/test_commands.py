"""A reader can type what the pages show: verbs, options and targets exist, and what is cheap is run."""

import itertools
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from quant_triage.harness.cli import app

from .commands import ROOT, Command, commands

ALL = commands()
OURS = [command for command in ALL if command.words[0] == "quant-triage"]
HARMLESS = "Press on the wound with a clean cloth."
DEADLY = "Do not stop the bleeding. Let the blood flow."
FOLDERS = {"runs/demo", "runs/old", "runs/new", "safety", "full", "cut", "runs/first"}
FILES = {
    "data/recorded/gemma3n.jsonl",
    "recorded.jsonl",
    "replies.jsonl",
    "my.jsonl",
    "boat-house.yaml",
    "ours.jsonl",
}
# Options that name something to read.
INPUTS = {"data", "gold", "replies", "prompts", "rubrics", "labels", "baseline", "sign_off", "base"}
EXECUTED = {"evaluate", "compare", "report", "grade", "lint", "validate"}


@pytest.mark.parametrize("command", OURS, ids=str)
def test_the_command_line_takes_it(command: Command) -> None:
    """Parsed by the real command line, which checks verb, options, values and what is required."""
    here, words = get_command(app), command.words[1:]
    context = typer.Context(here)
    if words[0].startswith("-"):
        assert words[0] in {"--help", "--version"}
        return
    while hasattr(here, "commands"):
        assert words, f"{command}: a verb is missing"
        assert words[0] in here.commands, f"{command}: no verb {words[0]!r}"
        here, words = here.commands[words[0]], words[1:]
        if not words and not command.whole:
            return
    if command.whole:
        here.make_context(here.name, list(words), parent=context)
        return
    known = {name for one in here.get_params(context) for name in (*one.opts, *one.secondary_opts)}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known, f"{command}: no option {sorted(options - known)}"


def _pytest_takes(words: list[str], config: pytest.Config) -> None:
    _, unknown = config._parser.parse_known_and_unknown_args(words)
    assert not unknown, f"pytest does not know {unknown}"
    for path in (word for word in words if word.startswith("tests/")):
        assert (ROOT / path).exists(), path


def _make_takes(words: list[str], config: pytest.Config) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for word in words if "=" not in word} <= targets


def _pip_takes(words: list[str], config: pytest.Config) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def _python_takes(words: list[str], config: pytest.Config) -> None:
    if words[0] != "-m":
        assert (ROOT / words[0]).is_file(), words[0]


def _exists_in(stage: str) -> bool:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return re.search(rf"^FROM .* AS {re.escape(stage)}$", text, re.MULTILINE | re.IGNORECASE) is not None


def _docker_takes(words: list[str], config: pytest.Config) -> None:
    for before, stage in itertools.pairwise(words):
        assert before != "--target" or _exists_in(stage), stage


def _anything(words: list[str], config: pytest.Config) -> None:
    """Programs of others, whose options are theirs to check."""


OTHERS: dict[str, Callable[[list[str], pytest.Config], None]] = {
    "pytest": _pytest_takes,
    "make": _make_takes,
    "pip": _pip_takes,
    "python": _python_takes,
    ".venv/bin/python": _python_takes,
    "docker": _docker_takes,
    **dict.fromkeys(("source", "echo", "cd", "git", "ray", "accelerate", "pre-commit"), _anything),
}


@pytest.mark.parametrize("command", [one for one in ALL if one.words[0] != "quant-triage"], ids=str)
def test_other_commands_exist_too(command: Command, pytestconfig: pytest.Config) -> None:
    words = command.words
    assert words[0] in OTHERS, f"{command}: say in this test how {words[0]!r} is checked"
    OTHERS[words[0]](words[1:], pytestconfig)


def _context(command: Command) -> typer.Context:
    verb = get_command(app).commands[command.words[1]]  # type: ignore[attr-defined]
    return verb.make_context(verb.name, command.words[2:])  # type: ignore[no-any-return]


def _inputs(command: Command) -> set[str]:
    """The files and folders that a command reads."""
    context, read = _context(command), set[str]()
    for parameter in context.command.params:
        value = context.params[parameter.name]
        named = parameter.param_type_name == "argument" or parameter.name in INPUTS
        if named and value is not None and value != parameter.default:
            read |= {str(one) for one in (value if isinstance(value, list | tuple) else [value])}
    return read


# Each once, however often it is shown.
CHEAP = list(
    {
        tuple(command.words): command
        for command in OURS
        if command.whole
        and command.words[1] in EXECUTED
        and not {"--serve", "test"} & set(command.words)  # sealed replies are looked at only to report
        and {one.rstrip("/") for one in _inputs(command)} <= FOLDERS | FILES
    }.values()
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a reader of these pages has: recordings, finished runs, data of their own."""
    desk = tmp_path_factory.mktemp("desk")
    (desk / "data" / "recorded").mkdir(parents=True)
    recorded = shutil.copy(ROOT / "data" / "recorded" / "gemma3n.jsonl", desk / "data" / "recorded")
    rows = [json.loads(line) for line in Path(recorded).read_text(encoding="utf-8").splitlines()]
    shutil.copy(recorded, desk / "recorded.jsonl")
    _write(desk / "replies.jsonl", [{"id": number, **row} for number, row in enumerate(rows)])
    labels = [("r1", DEADLY, "dangerous"), ("r2", HARMLESS, "caution")]
    _write(
        desk / "ours.jsonl",
        [
            {"id": name, "prompt": rows[0]["prompt"], "reply": reply, "label": label}
            for name, reply, label in labels
        ],
    )
    _write(
        desk / "my.jsonl",
        [{"instruction": f"What is in box {n}?", "output": f"Box {n} holds gauze."} for n in (1, 2)],
    )
    suite = (ROOT / "docs" / "how-to" / "own-prompts.md").read_text(encoding="utf-8")
    (desk / "boat-house.yaml").write_text(suite.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    first, *others = sorted(FOLDERS)
    done = CliRunner().invoke(
        app, ["evaluate", str(recorded), "--policy", "seed", "--out", str(desk / first)]
    )
    assert done.exit_code == 0, done.output
    for name in others:
        shutil.copytree(desk / first, desk / name)
    return desk


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_enough_is_executed() -> None:
    assert len(CHEAP) >= 10
    assert {command.words[1] for command in CHEAP} == EXECUTED


@pytest.mark.parametrize("command", CHEAP, ids=str)
def test_what_is_cheap_is_run(command: Command, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    done = CliRunner().invoke(app, command.words[1:])
    assert done.exit_code in {0, 1, 3}, f"{command}\n{done.output}"
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_examples_in_python_run() -> None:
    """What a page asserts in a block of Python holds."""
    blocks = [
        block
        for page in (ROOT / "docs" / "explanation").glob("*.md")
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert len(blocks) >= 3
    for block in blocks:
        exec(compile(block, "page", "exec"), {})  # noqa: S102
