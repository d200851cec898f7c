"""Export of judged tasks as training files: comparisons, and the rules from task to row."""
