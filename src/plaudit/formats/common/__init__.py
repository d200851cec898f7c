"""Framework of the import formats: rows, the tasks made of them, their ids, and detection."""
