"""The one form in which a model may answer: a grammar for llama.cpp, a JSON schema for servers."""

from quant_triage.data import Record


class Shape(Record):
    """A form that answers are held to.

    Attributes:
        name: For servers, which want one.
        gbnf: llama.cpp's grammar; its rule ``root`` is the whole answer.
        json_schema: The same for OpenAI's ``response_format``.
    """

    name: str
    gbnf: str
    json_schema: dict[str, object]

    @property
    def response_format(self) -> dict[str, object]:
        """What a server is asked for."""
        named = {"name": self.name, "strict": True, "schema": self.json_schema}
        return {"type": "json_schema", "json_schema": named}


def shaped_build(build: str, shape: Shape | None) -> str:
    """Name an engine together with the form that it is held to: the same question has another answer."""
    return build if shape is None else f"{build}, held to {shape.model_dump_json()}"
