"""The unquantized file, as it was when it was opened."""

from importlib.metadata import version
from pathlib import Path

from quant_triage.data import Record, UsageError, sha256_file

from ._gguf import GgufHeader, read_header

_UNQUANTIZED = {"F32", "F16", "BF16", "I8", "I16", "I32", "I64", "F64"}


class SourceFile(Record):
    """A file that may be quantized: header, hash, size and time, and the versions of our tools."""

    path: Path
    header: GgufHeader
    sha256: str
    stamp: tuple[int, int]
    tools: dict[str, str]

    def refuse_change(self) -> None:
        """Check that the file is still the one that was opened.

        Raises:
            UsageError: It changed, or is gone.
        """
        try:
            same = _stamp(self.path) == self.stamp
        except OSError:
            same = False
        if not same:
            raise UsageError(f"{str(self.path)!r} changed while it was read: run again when it is complete")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def open_source(path: Path, *, allow_requantize: bool = False) -> SourceFile:
    """Read a file that may be quantized.

    Raises:
        UsageError: It is unreadable, not GGUF, cut off, part of a split model, not a model, or quantized
            already and
            ``allow_requantize`` is not set.
    """
    header = read_header(path)
    kind = header.metadata.get("general.type", "model")
    if kind != "model":
        raise UsageError(f"{str(path)!r} holds a GGUF of type {kind!r}, not a model: give the F16 file")
    parts = header.metadata.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise UsageError(
            f"{str(path)!r} is one part of a split model: join the parts first (llama-gguf-split --merge)"
        )
    quantized = sorted(set(header.tensor_types) - _UNQUANTIZED)
    if quantized and not allow_requantize:
        raise UsageError(
            f"{str(path)!r} is quantized already ({', '.join(quantized)}), and quantizing twice adds up the "
            "errors: give the F16, BF16 or F32 file, or say --allow-requantize and get a model worse "
            "than its level promises"
        )
    stamp = _stamp(path)
    tools = {"llama-cpp-python": version("llama-cpp-python")}
    return SourceFile(path=path, header=header, sha256=sha256_file(path), stamp=stamp, tools=tools)
