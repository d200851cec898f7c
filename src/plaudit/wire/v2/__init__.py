"""The JSON of Scale's GenAI v2 API: structs, parsing, rendering, size limits."""
