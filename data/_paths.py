"""Where the bundled data lies, in a checkout and in an installed wheel alike."""

from pathlib import Path

_HERE = Path(__file__).parent

EMERGENCY_DATASET = _HERE / "emergency_dataset.jsonl"
BASE_DIR = _HERE / "base"
RECORDED_DIR = _HERE / "recorded"
GOLD_DIR = _HERE / "gold"
CALIBRATION_DIR = _HERE / "calibration"
