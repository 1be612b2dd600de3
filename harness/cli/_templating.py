"""Texts as a model sees them: exchanges put into its own chat template."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from quant_triage.data import UsageError, read_jsonl
from quant_triage.harness.engines import ChatTemplate
from quant_triage.quantize import read_header, token_texts

_BOS, _EOS = "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"


class Exchange(BaseModel):
    """A question and its reply: instruction and output in data sets, prompt and reply in recorded files."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prompt: str = Field(min_length=1, validation_alias=AliasChoices("prompt", "instruction"))
    reply: str = Field(min_length=1, validation_alias=AliasChoices("reply", "output"))


def read_exchanges(path: Path) -> list[Exchange]:
    """Read questions and replies.

    Raises:
        UsageError: The file is missing or empty.
        FileFormatError: A line is malformed.
    """
    rows = list(read_jsonl(path, Exchange))
    if not rows:
        raise UsageError(f"{str(path)!r} holds no line: give questions and replies, one JSON object a line")
    return rows


def chat_template(model: Path) -> ChatTemplate:
    """Return the template that a GGUF carries.

    Raises:
        UsageError: It carries none.
        ModelError: It is not valid.
    """
    metadata = read_header(model).metadata
    source = metadata.get("tokenizer.chat_template")
    if not isinstance(source, str) or not source.strip():
        raise UsageError(f"{str(model)!r} carries no chat template: give plain text instead of exchanges")
    special = {name: metadata.get(key) for name, key in (("bos", _BOS), ("eos", _EOS))}
    texts = token_texts(model, [token for token in special.values() if isinstance(token, int)])
    bos, eos = (texts.get(token, "") if isinstance(token, int) else "" for token in special.values())
    return ChatTemplate(source, bos=bos, eos=eos, system=None)


def templated(model: Path, exchanges: Iterable[Exchange]) -> list[tuple[str, str]]:
    """Put exchanges into a model's template: what stands before each reply, and the reply with its end."""
    template = chat_template(model)
    return [template.exchange(row.prompt, row.reply) for row in exchanges]
