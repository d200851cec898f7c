"""Conversations of two sides, cut into turns, also where one of them speaks twice in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def alternates(roles: Sequence[str]) -> bool:
    """True if `user` begins and the two take turns."""
    return all(role == ("user", "assistant")[number % 2] for number, role in enumerate(roles))


def in_turns(messages: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Cut messages of users and assistants into turns, in order.

    An assistant's message ends a turn, so no turn has two that follow each other. A further
    message of a turn's user is named with its number, `user_2`.
    """
    turns: list[list[dict[str, Any]]] = []
    for message in messages:
        if not turns or turns[-1][-1]["role"] == "assistant":
            turns.append([])
        is_further = bool(turns[-1]) and message["role"] == "user"
        name = f"{message['source_id']}_{len(turns[-1]) + 1}"
        turns[-1].append({**message, "source_id": name} if is_further else message)
    return turns
