"""Tables of any columns, read by a mapping that says which column is what."""

from plaudit.formats.table.reader import FORMAT

__all__ = ["FORMAT"]
