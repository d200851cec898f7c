"""Tables of any columns, read by a mapping that says which column is what."""
