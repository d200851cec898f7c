"""Managers' work on many tasks: search, lists, saved views, and actions with undo."""
