"""Files that come in over HTTP and the jobs that import them, for the pages and the operations."""
