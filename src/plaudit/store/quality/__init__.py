"""Statements that read votes for statistics."""
