"""A LoRA adapter as PEFT saves it: its scale, and which of the base's tensors each pair changes."""

import math
import re
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from quant_triage.data import FileFormatError, UsageError

from ._safetensors import FLOAT_TYPES, Floats, read_places, stored_view, to_float32

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_PREFIX = "base_model.model."
_PART = re.compile(r"^(?P<module>.+)\.(?P<part>lora_A|lora_B|lora_magnitude_vector)(?:\.weight)?$")
_HARMLESS_STARTS = {True, False, "gaussian", "orthogonal", "eva"}


class _LoraConfig(BaseModel):
    """The fields of PEFT's adapter_config.json that decide how an adapter is merged."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    peft_type: str
    r: int
    lora_alpha: float
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    lora_bias: bool = False
    bias: str = "none"
    init_lora_weights: bool | str | None = True
    modules_to_save: list[str] | None = None
    alpha_pattern: dict[str, float] = {}


class LoraPair:
    """The change to one matrix: ``scale * B @ A``, and DoRA's magnitudes if it has them.

    Attributes:
        module: The module's name in the model, such as ``model.layers.0.mlp.up_proj``.
        a: Float32 of shape (rank, columns).
        b: Float32 of shape (rows, rank).
        scale: ``alpha / r``, or ``alpha / sqrt(r)`` for rsLoRA (arXiv 2312.03732).
        magnitude: Float32 of shape (rows,) for DoRA (arXiv 2402.09353), or None.
    """

    def __init__(self, module: str, a: Floats, b: Floats, scale: float, magnitude: Floats | None):
        self.module = module
        self.a = a
        self.b = b
        self.scale = scale
        self.magnitude = magnitude

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the matrix that it changes."""
        return self.b.shape[0], self.a.shape[1]

    def apply(self, weights: Floats, first_row: int) -> Floats:
        """Return changed rows, given the base's rows from ``first_row`` on, in float32."""
        rows = slice(first_row, first_row + len(weights))
        changed: Floats = self.b[rows] @ self.a
        changed *= np.float32(self.scale)
        changed += weights
        if self.magnitude is not None:
            norms = np.linalg.norm(changed, axis=1)
            changed = changed * (self.magnitude[rows] / norms)[:, None]
        return changed


def read_lora(folder: Path) -> list[LoraPair]:
    """Read an adapter folder.

    Raises:
        UsageError: Files are missing, or the adapter uses something that cannot be merged exactly, named.
        FileFormatError: A file is malformed.
    """
    config = _read_config(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        raise UsageError(f"{str(folder)!r} has no {WEIGHTS}: save the adapter as safetensors")
    parts: dict[str, dict[str, Floats]] = {}
    for name, place in read_places(folder / WEIGHTS).items():
        match = _PART.match(name.removeprefix(_PREFIX))
        if match is None or place.dtype not in FLOAT_TYPES:
            raise UsageError(f"{folder / WEIGHTS}: tensor {name!r} ({place.dtype}) cannot be merged")
        values = to_float32(stored_view(folder / WEIGHTS, place), place.dtype)
        if not np.isfinite(values).all():
            raise UsageError(f"{folder / WEIGHTS}: tensor {name!r} holds NaN or infinity: train again")
        parts.setdefault(match["module"], {})[match["part"]] = values
    if not parts:
        raise FileFormatError(folder / WEIGHTS, "holds no LoRA weights")
    return [_pair(folder, config, module, found) for module, found in sorted(parts.items())]


def _read_config(path: Path) -> _LoraConfig:
    try:
        config = _LoraConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}: name an adapter's folder") from error
    except ValidationError as error:
        raise FileFormatError(path, "is not the configuration of a LoRA adapter") from error
    unsupported = {
        f"peft_type={config.peft_type!r}": config.peft_type != "LORA",
        f"modules_to_save={config.modules_to_save!r}": bool(config.modules_to_save),
        "fan_in_fan_out": config.fan_in_fan_out,
        "lora_bias": config.lora_bias,
        f"bias={config.bias!r}": config.bias != "none",
        # PiSSA and its like change the base itself, so that their adapters do not fit the base on the disk.
        f"init_lora_weights={config.init_lora_weights!r}": config.init_lora_weights not in _HARMLESS_STARTS,
    }
    if named := [name for name, present in unsupported.items() if present]:
        raise UsageError(f"{path}: cannot merge an adapter with {', '.join(named)}: train one without")
    return config


def _pair(folder: Path, config: _LoraConfig, module: str, found: dict[str, Floats]) -> LoraPair:
    a, b = found.get("lora_A"), found.get("lora_B")
    magnitude = found.get("lora_magnitude_vector")
    if a is None or b is None or a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        raise FileFormatError(
            folder / WEIGHTS, f"module {module!r} lacks a matching pair of lora_A and lora_B"
        )
    if config.use_dora != (magnitude is not None):
        raise FileFormatError(folder / WEIGHTS, f"module {module!r} and use_dora={config.use_dora} disagree")
    rank = a.shape[0]
    # PEFT looks patterns up by the end of the module's name, first match first.
    patterns = (alpha for key, alpha in config.alpha_pattern.items() if re.match(rf"(.*\.)?({key})$", module))
    alpha = next(patterns, config.lora_alpha)
    scale = alpha / (math.sqrt(rank) if config.use_rslora else rank)
    return LoraPair(module, a, b, scale, magnitude)
