"""Every hyperparameter in one place: two presets, overridden by a file and by flags, each with its origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, RootModel, ValidationError, model_validator

from quant_triage.data import BASE_DIR, Record, UsageError, read_yaml

Preset = Literal["gemma3n", "bundled"]
Origin = Literal["preset", "file", "flag"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class TrainConfig(Record):
    """Hyperparameters of one LoRA fine-tuning; the defaults are the ``gemma3n`` preset's.

    A step sees ``batch_size * accumulation`` rows. ``max_length`` counts tokens of prompt and reply
    together. ``checkpoint_steps`` of 0 keeps no checkpoints. ``optimizer="auto"`` means ``paged_adamw_8bit``
    on CUDA and ``adamw_torch`` elsewhere; ``load_in_4bit`` (QLoRA) takes effect on CUDA only.
    """

    preset: Preset = "gemma3n"
    base: str = Field("unsloth/gemma-3n-E2B-it", min_length=1)
    r: int = Field(16, ge=1, le=1024)
    lora_alpha: int = Field(16, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: tuple[str, ...] = Field(LORA_TARGETS, min_length=1)
    learning_rate: float = Field(2e-4, gt=0, allow_inf_nan=False)
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    warmup_steps: int = Field(5, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    neftune_noise_alpha: float = Field(5.0, ge=0)
    max_length: int = Field(2048, ge=16)
    batch_size: int = Field(2, ge=1)
    accumulation: int = Field(4, ge=1)
    epochs: float = Field(3.0, gt=0)
    max_steps: int | None = Field(None, ge=1)
    optimizer: str = Field("auto", min_length=1)
    load_in_4bit: bool = True
    gradient_checkpointing: bool = True
    checkpoint_steps: int = Field(50, ge=0)
    seed: int = Field(3407, ge=0, lt=2**32)


class _ConfigFile(RootModel[dict[str, object]]):
    """A configuration file: any fields of TrainConfig but the preset, checked once they are laid over it."""


class ResolvedConfig(Record):
    """A configuration and where each of its values comes from."""

    config: TrainConfig
    origins: dict[str, Origin]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := set(TrainConfig.model_fields) - set(self.origins):
            raise ValueError(f"no origin for {sorted(missing)}")
        return self

    def lines(self) -> list[str]:
        """Return one ``name = value (origin)`` line per hyperparameter, for the terminal."""
        values = self.config.model_dump()
        return [f"{name} = {value!r} ({self.origins[name]})" for name, value in values.items()]


def preset_config(preset: str) -> TrainConfig:
    """Return a preset's values.

    ``bundled`` trains the bundled base, a few million parameters, on a CPU within minutes.

    Raises:
        UsageError: There is no such preset.
    """
    if preset == "gemma3n":
        return TrainConfig()
    if preset == "bundled":
        return TrainConfig(
            preset="bundled",
            base=str(BASE_DIR),
            max_length=512,
            batch_size=4,
            accumulation=1,
            epochs=1,
            load_in_4bit=False,
            gradient_checkpointing=False,
            checkpoint_steps=0,
        )
    raise UsageError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")


def resolve_config(
    preset: str, file: Path | None = None, flags: Mapping[str, object] | None = None
) -> ResolvedConfig:
    """Lay a file's values over a preset's, and flags over both.

    Args:
        preset: Name of the preset.
        file: YAML mapping of hyperparameters, or None.
        flags: Values given on the command line; None means "not given".

    Raises:
        UsageError: Unknown preset, unknown or invalid hyperparameter, unreadable file.
    """
    values = preset_config(preset).model_dump()
    origins: dict[str, Origin] = dict.fromkeys(values, "preset")
    from_file = read_yaml(file, _ConfigFile).root if file else {}
    from_flags = {name: value for name, value in (flags or {}).items() if value is not None}
    sources: tuple[tuple[Origin, Mapping[str, object]], ...] = (("file", from_file), ("flag", from_flags))
    for origin, given in sources:
        for name, value in given.items():
            if name not in values or name == "preset":
                known = ", ".join(sorted(set(values) - {"preset"}))
                raise UsageError(
                    f"unknown hyperparameter {name!r} (from {file or origin}): known are {known}"
                )
            values[name] = value
            origins[name] = origin
    try:
        return ResolvedConfig(config=TrainConfig.model_validate(values), origins=origins)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UsageError(f"{name} = {first['input']!r} (from {origins[name]}): {first['msg']}") from error
