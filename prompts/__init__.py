"""Suites of emergency questions and their loader."""

from ._suite import EMERGENCY, Prompt, Suite, load_suite, prompts_sha256

__all__ = ["EMERGENCY", "Prompt", "Suite", "load_suite", "prompts_sha256"]
