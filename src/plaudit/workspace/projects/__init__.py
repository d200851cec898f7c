"""Managers' pages of projects, their settings, batches and tasks."""
