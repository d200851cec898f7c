"""Conversations of two sides, cut into turns, also where one of them speaks twice in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NOT_ALTERNATING = (
    "a conversation begins with the assistant, or one side speaks twice in a row; all messages are"
    " kept in their order"
)
ROLES_REPEAT = "roles_repeat"
"""Flag of a task whose sides do not take turns."""


def alternates(roles: Sequence[str]) -> bool:
    """True if `user` begins and the two take turns."""
    return all(role == ("user", "assistant")[number % 2] for number, role in enumerate(roles))


def in_turns(messages: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Cut messages of users and assistants into turns, in order.

    A user's message begins a turn, and the assistant's right after it belongs to it. Another one
    of the assistant has a turn of its own, so that no turn has two that follow each other.
    """
    turns: list[list[dict[str, Any]]] = []
    for message in messages:
        is_answer = message["role"] == "assistant" and turns and turns[-1][-1]["role"] == "user"
        if is_answer:
            turns[-1].append(message)
        else:
            turns.append([message])
    return turns
