"""The operations of the management API under /manage/v1."""
