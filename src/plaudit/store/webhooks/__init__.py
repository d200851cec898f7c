"""Statements for events, webhook endpoints and webhook messages."""
