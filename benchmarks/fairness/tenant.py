"""An organization as its requests know it; imports nothing of the product, to start at once."""

from msgspec import Struct

ANSWERS = [{"at": "t0u0", "key": "ok", "value": True}]
"""Answers to the form of the labeled project, about a task of one turn."""


class Tenant(Struct, kw_only=True):
    """An organization: its key, its people, its projects."""

    key: str
    people: list[tuple[str, str]]
    """Session and form token of each; all are admins, who see every page."""
    listed_id: str
    """Project of completed tasks."""
    listed_task: str
    labeled_id: str
    """Project of pending tasks."""
