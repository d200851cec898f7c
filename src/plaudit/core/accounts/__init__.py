"""Organizations, API keys, users, sessions and permissions."""
