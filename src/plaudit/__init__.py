"""Plaudit: a self-hosted human-feedback server that speaks Scale's GenAI v2 API."""

__version__ = "0.1.0"
