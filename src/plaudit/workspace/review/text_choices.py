"""Texts of several people on one question, to be shown side by side so that one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.workspace.render.text_diff import list_changes

DIFFERENCES_CHARS_MAX = 4_000
"""Characters of a text whose differences from another one are marked."""

ALIKE_SHARE_MIN = 0.4
"""Share of a text's characters that another one has too, below which marks would only disturb."""


class WrittenText(Struct, frozen=True):
    """A text that somebody wrote, and the answer, JSON, that a page's script takes over with it."""

    name: str
    text: str
    taken: str


class TextChoice(Struct, frozen=True):
    """A text with the names of those who wrote it.

    `pieces` are its parts, each with True if the text beside it does not have them. `is_reason` if
    it is the reason for an answer, and not an answer itself.
    """

    names: list[str]
    pieces: list[tuple[bool, str]]
    taken: str
    is_reason: bool


def list_choices(written: Sequence[WrittenText], *, is_reason: bool = False) -> list[TextChoice]:
    """The different texts among those written, in their order; none unless there are two."""
    names: dict[str, list[str]] = {}
    taken: dict[str, str] = {}
    for one in written:
        names.setdefault(one.text, []).append(one.name)
        taken.setdefault(one.text, one.taken)
    if len(names) < 2:
        return []
    texts = list(names)
    return [
        TextChoice(names[text], _pieces(texts, at), taken[text], is_reason)
        for at, text in enumerate(texts)
    ]


def as_reason(address: str, reason: str) -> str:
    """JSON of the answer at an address, JSON too, as far as its reason goes."""
    given: dict[str, Any] = msgspec.json.decode(address)
    return msgspec.json.encode(given | {"justification": reason}).decode()


def _pieces(texts: Sequence[str], at: int) -> list[tuple[bool, str]]:
    """Pieces of one of two texts; of more texts, and of unlike ones, the whole unmarked."""
    text, other = texts[at], texts[1 - at] if len(texts) == 2 else ""
    if len(texts) == 2 and max(len(text), len(other)) <= DIFFERENCES_CHARS_MAX:
        changes = list_changes(other, text)
        shared = sum(len(added) for removed, added in changes if removed == added)
        if shared >= ALIKE_SHARE_MIN * max(len(text), len(other)):
            return [(removed != added, added) for removed, added in changes if added]
    return [(False, text)]
