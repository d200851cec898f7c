"""Clients that walk over tasks: ours beside Scale's official one."""
