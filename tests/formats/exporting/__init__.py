"""Training data out: verdicts, rows, and the format of each trainer."""
