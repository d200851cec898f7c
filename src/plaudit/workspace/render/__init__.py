"""Untrusted text as safe HTML, text diffs, and charts."""
