"""Statements for leases, drafts, submissions and their statistics."""
