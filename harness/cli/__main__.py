"""``python -m quant_triage.harness.cli``."""

from . import main

main()
