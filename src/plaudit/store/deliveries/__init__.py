"""Statements for deliveries, their frozen tasks and schemas."""
