"""Managers' pages of projects, settings, batches and tasks."""
