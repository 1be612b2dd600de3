"""Instruction data: the strict reader of our JSONL, and the lint that looks for what a schema cannot see."""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from quant_triage.data import FileFormatError, Record, Scenario, UsageError, read_jsonl

MAX_CHARACTERS = 20_000
"""Longest instruction or reply: about 5,000 tokens, far beyond any first-aid answer."""

NEAR_DUPLICATE = 0.8
"""Rows at least this similar (Jaccard over word trigrams of instruction and output) are near duplicates."""

NEAR_PROMPT = 0.6
"""An instruction at least this similar (Jaccard over word trigrams) to an evaluation prompt leaks it ..."""

SAME_CONTENT = 0.8
"""... and so does one at least this similar over content words, of which it shares at least three."""

_SHINGLE = 3
_SHARED_CONTENT = 3
_FUNCTION_WORDS = """
a about am an and are at be been but by can could did do does for from has have he help her him his how i if
in is it its just m me my not now of on or our please re s she should so someone t that the their them then
there they this to us was we were what when where which who will with would you your
"""
_WORD = re.compile(r"[^\W_]+")


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if len(value) > MAX_CHARACTERS:
        raise ValueError(f"must have at most {MAX_CHARACTERS:,} characters, has {len(value):,}")
    return value


_Features = Callable[[tuple[str, ...]], frozenset[tuple[str, ...]]]
Text = Annotated[str, AfterValidator(_filled)]


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Row(Record):
    """One example: what a person asks and what the model should reply, after the turns ``before``.

    A conversation under ``messages`` becomes one: its last two turns are the question and the reply.
    """

    instruction: Text
    output: Text
    before: tuple[Message, ...] = ()
    scenario: Scenario | None = None
    source: str | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_messages(cls, given: object) -> object:
        if not isinstance(given, dict) or "messages" not in given:
            return given
        rest = {name: value for name, value in given.items() if name != "messages"}
        if both := {"instruction", "output", "before"} & set(rest):
            raise ValueError(f"give either messages or {', '.join(sorted(both))}")
        turns = _MESSAGES.validate_python(given["messages"])
        roles = [turn.role for turn in turns]
        spoken = roles[1:] if roles[:1] == ["system"] else roles
        if not spoken or spoken != ["user", "assistant"] * (len(spoken) // 2):
            raise ValueError(
                "messages must be pairs of user and assistant, after at most one system message; "
                f"the roles are {', '.join(roles) or 'none'}"
            )
        *before, question, reply = turns
        return rest | {"instruction": question.content, "output": reply.content, "before": before}


_MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])


class Problem(Record):
    """One finding of the lint; ``row`` counts from 1."""

    row: int
    kind: Literal["schema", "duplicate", "near_duplicate", "dangerous", "overlap"]
    message: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.kind}: {self.message}"


def read_dataset(path: Path) -> list[Row]:
    """Read a data set, JSONL or CSV: ``instruction`` and ``output``, optionally ``scenario`` and ``source``.

    JSONL may hold ``messages`` instead: pairs of user and assistant, after at most one system message.

    Raises:
        UsageError: The file is missing or unreadable.
        FileFormatError: A line is malformed, a text is empty or absurdly long, or there are no rows.
    """
    rows = list(_read_csv(path) if path.suffix.lower() == ".csv" else read_jsonl(path, Row))
    if not rows:
        raise FileFormatError(path, "has no rows: each must have instruction and output, or messages")
    return rows


def _read_csv(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            for cells in table:
                given = {name: value for name, value in cells.items() if value}
                try:
                    yield Row.model_validate(given)
                except ValidationError as error:
                    first = error.errors()[0]
                    column = ".".join(str(part) for part in first["loc"])
                    told = f"column {column!r}: {first['msg']}" if column != "None" else "has too many cells"
                    raise FileFormatError(path, told, line=table.line_num) from error
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(path, f"is not a CSV file in UTF-8 ({error})") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _shingles(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Return the word trigrams, with both ends marked so that short texts have some too."""
    padded = ("<", *words, ">")
    return frozenset(padded[i : i + _SHINGLE] for i in range(max(1, len(padded) - _SHINGLE + 1)))


def _content(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Return the words that carry the meaning, whatever their order."""
    return frozenset((word,) for word in words if word not in _FUNCTION_WORDS.split())


class _Index:
    """Finds the most similar of the texts added so far, by Jaccard similarity of their features."""

    def __init__(self, features: _Features, least_shared: int = 1):
        self._features = features
        self._least_shared = least_shared
        self._sets: list[frozenset[tuple[str, ...]]] = []
        self._owners: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def add(self, text: str) -> None:
        shingles = self._features(_words(text))
        for shingle in shingles:
            self._owners[shingle].append(len(self._sets))
        self._sets.append(shingles)

    def nearest(self, text: str) -> tuple[float, int]:
        """Return the highest similarity and the position of that text (0.0 and -1 if nothing is shared)."""
        shingles = self._features(_words(text))
        shared: dict[int, int] = defaultdict(int)
        for shingle in shingles:
            for owner in self._owners.get(shingle, ()):
                shared[owner] += 1
        scored = (
            (count / (len(shingles) + len(self._sets[i]) - count), -i)
            for i, count in shared.items()
            if count >= self._least_shared
        )
        similarity, negated = max(scored, default=(0.0, 1))
        return similarity, -negated


def _untidy(row: Row) -> Iterator[str]:
    for name, text in (("instruction", row.instruction), ("output", row.output)):
        if text != text.strip():
            yield f"field {name!r} begins or ends with white space"
        if "\ufffd" in text or any(ord(character) < 32 and character not in "\n\t" for character in text):
            yield f"field {name!r} holds control or replacement characters"
        if re.search(r"<(start_of_turn|end_of_turn|bos|eos|pad)>", text):
            yield f"field {name!r} holds a control token of the chat template"
    if row.scenario is None:
        yield "field 'scenario' is missing"
    if row.source is None:
        yield "field 'source' is missing"


def lint_dataset(
    rows: Sequence[Row],
    prompts: Sequence[str],
    is_dangerous: Callable[[str, str, str | None], Sequence[str]],
) -> list[Problem]:
    """Look for untidy rows, exact and near duplicates, dangerous advice and leaked evaluation prompts.

    Rows with the same instruction are duplicates; rows that share at least 80 % of the word trigrams of
    instruction and output together are near duplicates. An instruction leaks an evaluation prompt when they
    share at least 60 % of their word trigrams, or 80 % of their content words and at least three of them.
    Case and punctuation never count.

    Args:
        rows: The data set.
        prompts: Texts of the evaluation prompts.
        is_dangerous: Given instruction, output and scenario, returns what is dangerous in the output.
            Injected, because training knows nothing of the graders.

    Returns:
        The problems in the order of the rows; empty if the data set is clean.
    """
    problems: list[Problem] = []
    first_with: dict[tuple[str, ...], int] = {}
    seen = _Index(_shingles)
    leaks = ((_Index(_shingles), NEAR_PROMPT), (_Index(_content, _SHARED_CONTENT), SAME_CONTENT))
    for prompt in prompts:
        for index, _ in leaks:
            index.add(prompt)
    for number, row in enumerate(rows, start=1):
        problems += [Problem(row=number, kind="schema", message=message) for message in _untidy(row)]
        words = _words(row.instruction)
        if words in first_with:
            message = f"the same instruction as row {first_with[words]}"
            problems.append(Problem(row=number, kind="duplicate", message=message))
        else:
            first_with[words] = number
            similarity, other = seen.nearest(f"{row.instruction} {row.output}")
            if similarity >= NEAR_DUPLICATE:
                message = f"{similarity:.0%} the same as row {other + 1}"
                problems.append(Problem(row=number, kind="near_duplicate", message=message))
        seen.add(f"{row.instruction} {row.output}")
        for index, limit in leaks:
            similarity, other = index.nearest(row.instruction)
            if similarity >= limit:
                message = f"{row.instruction!r} is {similarity:.0%} the evaluation prompt {prompts[other]!r}"
                problems.append(Problem(row=number, kind="overlap", message=message))
                break
        found = is_dangerous(row.instruction, row.output, row.scenario)
        problems += [Problem(row=number, kind="dangerous", message=message) for message in found]
    return problems
