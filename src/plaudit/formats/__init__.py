"""Foreign formats, one file each: from the lines of a file to entries for the importer."""
