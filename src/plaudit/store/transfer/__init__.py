"""Statements for jobs."""
