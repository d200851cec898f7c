"""Import formats, one module each, with their registry and the files that they are read from."""
