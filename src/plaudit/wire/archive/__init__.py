"""The JSON of the lines of an archive that the operator alone imports."""
