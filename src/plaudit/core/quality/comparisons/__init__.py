"""Comparisons of responses: biases of place, length and format, leaks, and leaderboards."""
