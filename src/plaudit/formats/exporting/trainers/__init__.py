"""Formats of trainers other than TRL: the rows that each of them loads, and what it cannot."""
