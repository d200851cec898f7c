"""Report on a project: its votes and tasks, read and put to all statistics of quality."""
