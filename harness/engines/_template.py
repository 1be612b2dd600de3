"""The model's own chat template, rendered in a sandbox and always the same way."""

import contextlib
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jinja2
import jinja2.ext
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from quant_triage.data import FileFormatError, ModelError

# Some templates print today's date into the prompt. A fixed one keeps replies comparable over days.
_TODAY = datetime.datetime(2024, 7, 26, tzinfo=datetime.UTC)
_CONTENT = "quant-triage-content"


class _GenerationTag(jinja2.ext.Extension):
    """``{% generation %}`` marks what to train on; for rendering it changes nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _to_json(value: object, indent: int | None = None, **_options: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _TODAY.strftime
    return environment


def check_syntax(template: str, path: Path) -> None:
    """Parse a template without running any of it (compiling would already evaluate constants).

    Raises:
        FileFormatError: It is not valid Jinja; names the file it came from.
    """
    try:
        _environment().parse(template)
    except (jinja2.TemplateSyntaxError, RecursionError) as error:
        raise FileFormatError(path, f"carries a chat template that is not valid Jinja: {error}") from error


def find_template(folders: Sequence[Path]) -> str | None:
    """The chat template of a checkpoint: of the first folder that has one, in either of its two places."""
    for folder in folders:
        with contextlib.suppress(OSError):
            return (folder / "chat_template.jinja").read_text(encoding="utf-8")
        with contextlib.suppress(OSError, ValueError):
            config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            if isinstance(config, dict) and isinstance(config.get("chat_template"), str):
                return str(config["chat_template"])
    return None


class ChatTemplate:
    """Renders one question, with the system prompt if there is one, up to where the model speaks.

    Args:
        source: The template's text, from the model's metadata.
        bos: The text of the model's first token, as its template expects it.
        eos: The text of the model's last token.
        system: System prompt, or ``None``.
    """

    def __init__(self, source: str, *, bos: str, eos: str, system: str | None):
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._before = [{"role": "system", "content": system}] if system is not None else []
        try:
            self._template = _environment().from_string(source)
        except Exception as error:
            raise ModelError("not_loaded", f"its chat template is not valid Jinja: {error}") from error

    def render(self, prompt: str) -> str:
        """Return the text that the model is given for ``prompt``.

        Raises:
            ModelError: The template refuses these messages, for example any system prompt.
        """
        messages = [*self._before, {"role": "user", "content": prompt}]
        try:
            return self._template.render(messages=messages, add_generation_prompt=True, **self._tokens)
        except Exception as error:  # whatever a template from anywhere raises, it is that model's fault
            raise ModelError("not_loaded", f"its chat template failed: {error}") from error

    def exchange(self, prompt: str, reply: str) -> tuple[str, str]:
        """Return the text before a reply, and the reply with what stands after it when the turn is over.

        Raises:
            ModelError: The template refuses these messages.
        """
        before = self.render(prompt)
        messages = [
            *self._before,
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": _CONTENT},
        ]
        try:
            whole = self._template.render(messages=messages, add_generation_prompt=False, **self._tokens)
        except Exception as error:
            raise ModelError("not_loaded", f"its chat template failed: {error}") from error
        return before, reply + whole.rpartition(_CONTENT)[2]

    @property
    def head(self) -> str:
        """What stands before every prompt. It depends on no prompt, so it is the same in a resumed run."""
        before, found, _ = self.render(_CONTENT).partition(_CONTENT)
        return before if found else ""
