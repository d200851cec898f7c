"""Pages for imports, archives and deliveries, with the progress of their jobs."""
