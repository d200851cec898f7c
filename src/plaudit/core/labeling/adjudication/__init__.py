"""Adjudication: disagreement on a task, the order that reviewers see, and why people differed."""
