"""Statements for the places of tasks in page files, and the files themselves."""
