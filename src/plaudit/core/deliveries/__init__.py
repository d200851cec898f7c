"""Frozen sets of completed tasks: selected, built, listed and compared."""
