"""Prompts times models, graded, counted and decided."""
