"""The reference, read from the code: command line, files, figures on record and the Python interface."""

import functools
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import typer
import yaml
from griffe import Docstring, DocstringSectionKind, Parser
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jsonschema_markdown import generate
from loguru import logger
from typer.cli import get_docs_for_click
from typer.main import get_command

from quant_triage.data import SCENARIOS
from quant_triage.harness import (
    Policy,
    journal_schema,
    load_policy,
    prompts_to_pass,
    read_measurement,
    shipped_policies,
)
from quant_triage.harness.cli import app
from quant_triage.prompts import Suite, load_suite
from quant_triage.quantize import ALL_LEVELS, ALL_WITH_IMATRIX, LEVELS
from quant_triage.reports import result_schema
from quant_triage.rubrics import EverywhereFile, RubricFile, SourcesFile, SynonymsFile

ROOT = Path(__file__).parents[2]
# Not for import: the command line has its own page, the benchmarks are run and not called.
_NO_INTERFACE = {"quant_triage.harness.cli", "quant_triage.harness.bench", "quant_triage.pytest_plugin"}

Schema = dict[str, object]

logger.disable("jsonschema_markdown")  # remarks on maps of any key, for whoever develops it


@functools.cache
def pages() -> dict[str, str]:
    """Return every generated page by its path in the site."""
    return {
        "reference/command-line.md": _command_line(),
        "reference/figures.md": _figures(),
        **{f"reference/{name}.md": text for name, text in _files()},
        **{f"reference/python/{name.partition('.')[2]}.md": text for name, text in _packages()},
    }


@functools.cache
def schemas() -> dict[str, Schema]:
    """Return the JSON Schema of every file that a user reads or writes, by name."""
    return {
        "report": result_schema(),
        "journal-line": journal_schema(),
        "policy": Policy.model_json_schema(),
        "prompts": Suite.model_json_schema(),
        "rubric": RubricFile.model_json_schema(),
        "rubric-everywhere": EverywhereFile.model_json_schema(),
        "rubric-synonyms": SynonymsFile.model_json_schema(),
        "rubric-sources": SourcesFile.model_json_schema(),
    }


def _command_line() -> str:
    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="quant-triage")
    return text.replace("# `quant-triage`", "# Command line", 1)


def _files() -> Iterator[tuple[str, str]]:
    text = (Path(__file__).parent / "files.yaml").read_text(encoding="utf-8")
    for name, page in yaml.safe_load(text).items():
        yield name, _schema_page(page["title"], page["lead"], *page["schemas"])


def _schema_page(title: str, lead: str, *names: str) -> str:
    """One page of tables for one or more schemas; headings of the first level stay the page's own."""
    parts = [f"# {title}", lead]
    for name in names:
        schema = _readable(schemas()[name])
        text = generate(schema, footer=False, hide_empty_columns=True)
        text = text.replace("\n# Definitions\n", "").replace("⚠️ Additional properties are not allowed.", "")
        lines = [line for line in text.splitlines() if line.strip() not in {"---", ">"}]
        body = "\n".join(f"#{line}" if line.startswith("# ") else line for line in lines)
        parts += [body, f"[The JSON Schema](schemas/{name}.schema.json)."]
    return "\n\n".join(parts) + "\n"


def _readable(value: object) -> Schema:
    """Give each property the words of its record's docstring, and scenarios a name of their own."""
    scenario = {"$ref": "#/$defs/Scenario"}

    def walk(node: object) -> object:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if node.get("enum") == list(SCENARIOS):
            return scenario
        node = {key: walk(item) for key, item in node.items()}
        words, fields = node.get("description"), node.get("properties")
        if isinstance(words, str) and isinstance(fields, dict):
            node["description"], attributes = _docstring(words)
            for name, text in attributes.items():
                if isinstance(fields.get(name), dict):
                    fields[name] = {**fields[name], "description": text}
        return node

    schema = cast("Schema", walk(value))
    definitions = cast("Schema", schema.setdefault("$defs", {}))
    definitions["Scenario"] = {"type": "string", "enum": list(SCENARIOS), "description": "What happened."}
    return schema


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its words and what it says of each attribute."""
    words, attributes = [], {}
    for section in Docstring(inspect.cleandoc(text)).parse(Parser.google, warnings=False):
        if section.kind is DocstringSectionKind.attributes:
            attributes = {one.name: " ".join(one.description.split()) for one in section.value}
        elif section.kind is DocstringSectionKind.text:
            words.append(section.value)
    return "\n\n".join(words), attributes


def _packages() -> Iterator[tuple[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name in project["tool"]["setuptools"]["packages"]:
        if name not in _NO_INTERFACE:
            yield name, f"# {name}\n\n::: {name}\n"


def _figures() -> str:
    """What is on record and what is shipped; prose elsewhere links here and repeats none of it."""
    measured = read_measurement()
    sensitivity = measured.sensitivity_lower if measured else 1.0
    shipped = [load_policy(name) for name in shipped_policies()]
    folder = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=folder, undefined=StrictUndefined, trim_blocks=False)  # noqa: S701 - Markdown
    return page.get_template("figures.md.jinja").render(
        measured=measured,
        policies=[(policy, _needed(policy, sensitivity)) for policy in shipped],
        suite=load_suite(),
        levels=ALL_LEVELS,
        with_matrix=ALL_WITH_IMATRIX,
        others=[name for name in LEVELS if name not in ALL_WITH_IMATRIX],
        names=lambda names: ", ".join(f"`{name}`" for name in names),
        share=lambda share: f"{share.events} of {share.total} ({share.low:.0%} to {share.high:.0%})",
    )


def _needed(policy: Policy, sensitivity: float) -> str:
    return "" if policy.estimate == "point" else str(prompts_to_pass(policy, sensitivity=sensitivity))
