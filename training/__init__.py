"""From a data set to a LoRA adapter to a merged checkpoint."""

from ._adapter import ADAPTER_INFO, AdapterInfo, TrainProgress, check_base, read_adapter_info
from ._base import base_sha256, resolve_base
from ._config import PRESETS, Preset, ResolvedConfig, TrainConfig, preset_config, resolve_config
from ._dataset import Problem, Row, lint_dataset, read_dataset
from ._describe import Description, describe
from ._encode import IGNORED, Encoded, encode_rows
from ._finetune import Backend, choose_backend, finetune
from ._logits import CheckpointLogits, checkpoint_logits
from ._merge import MERGE_INFO, MergeInfo, merge, read_merge_info
from ._merge_bench import MergeBench, bench_merge, merge_section
from ._plan import MemoryEstimate, TrainPlan, plan_training
from ._ranks import rank

__all__ = [
    "ADAPTER_INFO",
    "IGNORED",
    "MERGE_INFO",
    "PRESETS",
    "AdapterInfo",
    "Backend",
    "CheckpointLogits",
    "Description",
    "Encoded",
    "MemoryEstimate",
    "MergeBench",
    "MergeInfo",
    "Preset",
    "Problem",
    "ResolvedConfig",
    "Row",
    "TrainConfig",
    "TrainPlan",
    "TrainProgress",
    "base_sha256",
    "bench_merge",
    "check_base",
    "checkpoint_logits",
    "choose_backend",
    "describe",
    "encode_rows",
    "finetune",
    "lint_dataset",
    "merge",
    "merge_section",
    "plan_training",
    "preset_config",
    "rank",
    "read_adapter_info",
    "read_dataset",
    "read_merge_info",
    "resolve_base",
    "resolve_config",
]
