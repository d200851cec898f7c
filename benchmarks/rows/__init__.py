"""Reading of files of rows: rate and memory, beside the standard library reading alone."""
