"""Suites of emergency questions and their loader."""

from ._suite import EMERGENCY, Prompt, Suite, load_suite

__all__ = ["EMERGENCY", "Prompt", "Suite", "load_suite"]
