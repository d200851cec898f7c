"""Export of whole tasks from page files."""
