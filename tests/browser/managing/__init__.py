"""Managers at work in a real browser."""
