"""Pages for signing in, the own account, users and API keys."""
