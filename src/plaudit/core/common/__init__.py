"""Names, page tokens, secrets, rate limits and the audit log, used by all other packages."""
