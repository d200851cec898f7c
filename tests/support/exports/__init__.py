"""Exports of a store that tests make, and what is exported."""
