"""The pages of review, and the calls of their scripts."""
