"""Rubrics: what guidelines require and forbid in each scenario, as data."""
