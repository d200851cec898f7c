"""Statements for datasets and attachments, and the files themselves."""
