"""The work of people on tasks: leases, answers, agreement, submissions and review."""
