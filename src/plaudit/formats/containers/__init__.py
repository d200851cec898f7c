"""Containers that rows come in, told by their content."""
