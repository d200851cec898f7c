"""Statements for the audit log and for idempotency keys."""
