"""Collect an importance matrix for one model, and keep it for as long as model and text stay the same."""

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import (
    ModelError,
    Record,
    UsageError,
    atomic_write,
    sha256_file,
    sha256_text,
    usable_cores,
)

from ._native import native
from ._protocol import Event, ImatrixRequest, ImatrixResult
from ._source import open_source

CHUNK = 512
"""Tokens in a chunk; llama-imatrix's default."""


class CollectedImatrix(Record):
    """What a matrix was collected from, kept beside it as ``<name>.json``; ``key`` stands for all of it.

    ``unused`` names weights that the model never multiplies anything with; they have a neutral entry.
    """

    key: str
    source_sha256: str
    dataset: str
    text_sha256: str
    special: bool
    tools: dict[str, str]
    chunks: int
    chunk_size: int
    unused: tuple[str, ...]
    sha256: str


def collect_imatrix(
    source: Path,
    text: str,
    out: Path,
    *,
    dataset: str,
    special: bool = False,
    chunk: int = CHUNK,
    threads: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> CollectedImatrix:
    """Write the importance matrix of a model on a text; one that is there, made of the same, is left alone.

    Args:
        source: An unquantized GGUF.
        text: The text. Chunks follow one another; what is left over at the end is dropped, as by
            llama-imatrix.
        out: The matrix, in llama.cpp's GGUF format; it appears only when complete.
        dataset: What to call the text within the file.
        special: Whether control tokens are recognised in the text, as a rendered chat template needs.
        chunk: Tokens in a chunk.
        threads: CPU threads; 0 takes all that this process may use.
        on_progress: Told the chunks done, and all.

    Raises:
        UsageError: The source is unusable, the text too short for one chunk, or ``out`` not a .gguf.
        ModelError: The model does not load, or crashes.
    """
    if out.suffix != ".gguf":
        raise UsageError(f"{str(out)!r} does not end in .gguf: name the file to write, such as imatrix.gguf")
    if not text.strip():
        raise UsageError(f"the text {dataset!r} is empty: give one of some thousand words")
    opened = open_source(source)
    tools = {"llama-cpp-python": version("llama-cpp-python")}
    text_sha256 = sha256_text(text)
    key = sha256_text(opened.sha256, text_sha256, dataset, str(special), str(chunk), *tools.values())
    record = out.with_suffix(".json")
    if (known := _known(record, out, key)) is not None:
        return known
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="quant-triage-") as folder, native() as child:
        file = Path(folder) / "text"
        file.write_text(text, encoding="utf-8", newline="")
        request = ImatrixRequest(
            source=str(source),
            text=str(file),
            target=str(out),
            dataset=dataset,
            special=special,
            chunk=chunk,
            threads=threads or usable_cores(),
        )

        def follow(event: Event) -> None:
            if on_progress is not None:
                on_progress(event.done, event.total)

        try:
            result = ImatrixResult.model_validate_json(child.call(request, follow))
        except ModelError as error:
            if error.status == "quantize_failed":
                raise UsageError(f"no importance matrix of {str(source)!r}: {error.cause}") from error
            raise
    opened.refuse_change()
    made = CollectedImatrix(
        key=key,
        source_sha256=opened.sha256,
        dataset=dataset,
        text_sha256=text_sha256,
        special=special,
        tools=tools,
        chunks=result.chunks,
        chunk_size=chunk,
        unused=result.unused,
        sha256=sha256_file(out),
    )
    atomic_write(record, made.model_dump_json(indent=2) + "\n")
    return made


def _known(record: Path, out: Path, key: str) -> CollectedImatrix | None:
    """What was collected before, if it is still there and of the same model and text."""
    if not (record.is_file() and out.is_file()):
        return None
    try:
        known = CollectedImatrix.model_validate_json(record.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        return None
    return known if known.key == key and sha256_file(out) == known.sha256 else None
