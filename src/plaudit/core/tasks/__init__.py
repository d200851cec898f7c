"""Projects, forms, batches and tasks: created, changed, listed."""
