"""What a folder of levels records of itself."""

from pathlib import Path

from pydantic import Field, ValidationError

from quant_triage.data import FileFormatError, Record, atomic_write, sha256_file

MANIFEST = "quantize.json"


class ImatrixUsed(Record):
    """The importance matrix that a file was made with."""

    file: str
    sha256: str
    datasets: tuple[str, ...]
    chunks: int


class LevelFile(Record):
    """One level's file and its lineage.

    Attributes:
        level: Name of the level, or of the recipe.
        file: File name within the folder.
        source: File name of the unquantized GGUF.
        source_sha256: Hash of its bytes.
        tools: Versions of what made it.
        sha256: Hash of the file's bytes.
        bytes: Its size.
        bits_per_weight: Effective, over all tensors.
        tensor_types: How many tensors have each type.
        fallbacks: Tensors whose rows do not fit the level's type, and what they have instead.
        base: The level that a recipe starts from.
        recipe_sha256: Hash of the recipe.
        imatrix: The importance matrix.
    """

    level: str
    file: str = Field(pattern=r"^[^/\\]+\.gguf$")
    source: str
    source_sha256: str
    tools: dict[str, str]
    sha256: str
    bytes: int
    bits_per_weight: float
    tensor_types: dict[str, int]
    fallbacks: tuple[str, ...] = ()
    base: str | None = None
    recipe_sha256: str | None = None
    imatrix: ImatrixUsed | None = None

    def intact(self, folder: Path) -> bool:
        """Tell whether the file is there with the very bytes that were recorded."""
        path = folder / self.file
        return path.is_file() and path.stat().st_size == self.bytes and sha256_file(path) == self.sha256


class Manifest(Record):
    """All levels that were made in one folder, by file name."""

    files: dict[str, LevelFile] = {}


def read_manifest(folder: Path) -> Manifest:
    """Return a folder's manifest, or an empty one.

    Raises:
        FileFormatError: It is malformed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return Manifest()
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise FileFormatError(path, "is not a manifest of levels: remove it, then run again") from error


def add_to_manifest(folder: Path, made: LevelFile) -> None:
    """Record one more level, in place of an earlier one of the same name."""
    files = read_manifest(folder).files | {made.file: made}
    manifest = Manifest(files=dict(sorted(files.items())))
    atomic_write(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
