"""Answers in a task's threads: read from them, written into them, and suggested in them."""
