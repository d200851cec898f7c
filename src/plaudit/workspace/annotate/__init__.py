"""The annotation page: the queue, one task, and the calls of its scripts."""
