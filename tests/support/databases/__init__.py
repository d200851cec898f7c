"""Real databases for tests: clusters, poolers, proxies, and the rules of sharding."""
