"""Votes in tests: rows of tasks, and their comparison with what submissions say."""
