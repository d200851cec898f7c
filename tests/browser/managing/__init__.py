"""Managers at work in a browser."""
