"""``quant-triage imatrix``: which columns of each weight matter, seen on a text."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import CALIBRATION_DIR, Record, UsageError
from quant_triage.quantize import CHUNK, CollectedImatrix, collect_imatrix

from . import _options as opt
from ._console import emit_json, err, one_line_errors, say
from ._progress import Stages
from ._templating import read_exchanges, templated

_SHIPPED = {"generic": CALIBRATION_DIR / "generic.txt", "emergency": CALIBRATION_DIR / "emergency.jsonl"}


class CalibrationText(Record):
    """A text to run through a model; ``special`` says that it holds control tokens of the chat template."""

    name: str
    text: str
    special: bool


def calibration_text(model: Path, choice: str) -> CalibrationText:
    """Read one of our texts by name, or any file; exchanges (.jsonl) are put into the model's template.

    Raises:
        UsageError: There is no such text, or the model has no template.
        FileFormatError: The file is malformed.
    """
    path = _SHIPPED.get(choice, Path(choice))
    if not path.is_file():
        raise UsageError(f"no calibration text {choice!r}: name generic, emergency or a file that exists")
    if path.suffix == ".jsonl":
        text = "".join(before + reply for before, reply in templated(model, read_exchanges(path)))
        return CalibrationText(name=path.name, text=text, special=True)
    try:
        return CalibrationText(name=path.name, text=path.read_text(encoding="utf-8"), special=False)
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(path)!r} is not UTF-8 text: give plain text or a .jsonl") from error


def collect_stage(
    stages: Stages, source: Path, choice: str, out: Path, *, chunk: int = CHUNK, threads: int = 0
) -> CollectedImatrix:
    """Collect a matrix with progress, unless it is there."""
    text = calibration_text(source, choice)
    stage = stages.open(f"importance matrix on {text.name}")

    def show(done: int, total: int) -> None:
        stage.update(done, "chunks", total=total)

    made = collect_imatrix(
        source,
        text.text,
        out,
        dataset=text.name,
        special=text.special,
        chunk=chunk,
        threads=threads,
        on_progress=show,
    )
    stage.finish(f"{made.chunks} chunks of {made.chunk_size} tokens in {out}")
    if made.unused:
        say(f"note: the model never uses {len(made.unused)} of its weights, such as {made.unused[0]}")
    return made


def check_imatrix(choice: str) -> None:
    """Refuse a choice that can never work, before anything is started.

    Raises:
        UsageError: It is neither one of our texts nor a file that exists.
    """
    if choice != "none" and choice not in _SHIPPED and not Path(choice).is_file():
        raise UsageError(f"--imatrix {choice!r}: name none, generic, emergency or a file that exists")


def imatrix_stage(stages: Stages, source: Path, folder: Path, choice: str) -> Path | None:
    """Return the matrix that ``--imatrix`` asks for, collected where it is one of our texts.

    Raises:
        UsageError: It names a file that does not exist.
    """
    check_imatrix(choice)
    if choice == "none":
        return None
    if choice in _SHIPPED:
        out = folder / "imatrix" / f"{choice}.gguf"
        collect_stage(stages, source, choice, out)
        return out
    return Path(choice)


def imatrix(
    source: Annotated[Path, typer.Argument(metavar="F16.gguf", help="The unquantized GGUF.")],
    data: Annotated[
        str,
        typer.Option("--data", help="Text or .jsonl of exchanges; or generic or emergency, which we ship."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The matrix, a GGUF file.")],
    chunk: Annotated[int, typer.Option("--chunk", min=32, help="Tokens in a chunk.")] = CHUNK,
    threads: opt.Threads = 0,
    as_json: opt.Json = False,
) -> None:
    """Collect an importance matrix, in llama.cpp's format: it unlocks and improves the smallest levels."""
    with one_line_errors(), Stages(err) as stages:
        made = collect_stage(stages, source, data, out, chunk=chunk, threads=threads)
        if as_json:
            emit_json({"imatrix": str(out), **made.model_dump(mode="json", exclude={"key"})})
