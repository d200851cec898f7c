"""Conversations of many turns."""

from __future__ import annotations

from typing import Any

from tests.support.builders import make_message, make_thread, make_turn


def long_chat(turns: int, *, every: int = 1) -> list[Any]:
    """A conversation of so many turns, of which every so many-th has two responses to compare."""

    def messages(number: int) -> list[Any]:
        texts = [f"answer {number} one", f"answer {number} two"][: 2 - bool((number + 1) % every)]
        names = ("base_model", "test_model")
        return [
            make_message("user", f"prompt {number}."),
            *(make_message(name, f"{text}.") for name, text in zip(names, texts, strict=False)),
        ]

    return [make_thread(turns=[make_turn(f"turn_{n}", messages(n)) for n in range(turns)])]
