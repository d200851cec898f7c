"""Statements for organizations, API keys, users, credentials and sessions."""
