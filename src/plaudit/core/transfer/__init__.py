"""Imports and archives: everything of an organization in and out, and the jobs that do it."""
