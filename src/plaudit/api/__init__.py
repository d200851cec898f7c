"""The HTTP API: Scale's v2 routes and our own for management."""
