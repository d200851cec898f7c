"""Managers' lists of tasks: pages, searches, and actions on many tasks."""
