"""Administrators' pages of webhook endpoints and messages."""
