"""The operations of Scale's GenAI v2 API."""
