"""Pages for signing in, one's own account, users and API keys."""
