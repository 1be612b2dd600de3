"""Suites of emergency questions and their loader."""

from ._suite import EMERGENCY, EMERGENCY_MORE, Prompt, Suite, everything, load_suite

__all__ = ["EMERGENCY", "EMERGENCY_MORE", "Prompt", "Suite", "everything", "load_suite"]
