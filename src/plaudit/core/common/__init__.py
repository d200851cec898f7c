"""Names, page tokens, secrets, rate limits and the audit log, which all other rules use."""
