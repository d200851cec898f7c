"""Statements for the audit log, for idempotency keys, and for names beside one another."""
