"""Adjudication: what answers come to, where people differ and why, and the order of review."""
