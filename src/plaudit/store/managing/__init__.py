"""Statements for managers' work on many tasks: words, lists, saved views, actions, undo."""
