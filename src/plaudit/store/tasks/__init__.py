"""Statements for projects, batches, tasks and the work queue."""
