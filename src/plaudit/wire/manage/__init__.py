"""The JSON of the management API under /manage/v1."""
