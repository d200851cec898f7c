"""A project whose every string is a hostile text, for tests in a real browser."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tests.support.annotators import make_content
from tests.support.pages.hostile_texts import PAYLOADS

NAME_CHARS = 190
TEXT_CHARS = 2000

TEXTS = [one for one in PAYLOADS if not {"\x00", "\r"} & set(one)]
"""Without those that no request can carry or that browsers change on the way."""


def as_name(text: str) -> str:
    """As much of a text as a name may be."""
    return "".join(char for char in text if char.isprintable())[:NAME_CHARS]


def names_of(texts: list[str]) -> Iterator[str]:
    """The texts as names, over and over."""
    return itertools.cycle(map(as_name, texts))


def make_form(texts: list[str]) -> dict[str, Any]:
    """Questions of several kinds, with a hostile key, title, description, values and labels."""
    bad, short = "\n".join(texts)[:TEXT_CHARS], names_of(texts)
    fields = [
        {"key": f"{at}{next(short)}", "level": "message", "type": "category",
         "title": next(short), "description": bad, "labels": [next(short), "b"],
         "possible_values": [next(short), "b"]}
        for at in range(len(texts) // 4)
    ] + [
        {"key": "issues", "level": "message", "type": "labeled_text", "labels": [next(short)]},
        {"key": "rewrite", "level": "message", "type": "text", "use": "rewrite",
         "title": next(short)},
        {"key": "why", "level": "turn", "type": "text", "title": next(short), "description": bad},
    ]  # fmt: skip
    return {"fields": fields}


def make_hostile_content(texts: list[str]) -> list[Any]:
    """A prepared conversation with all that a message and a turn may carry."""
    bad, short = "\n".join(texts), names_of(texts)
    content = make_content(bad, bad + " more", prompt=bad)
    said = content[0]["turns"][1]["messages"][1]["content"]
    said["attachments"] = [{"name": one, "mime_type": one, "url": one} for one in texts]
    said["reference_texts"] = [{"content": bad, "category": next(short)}]
    said["reasoning"] = [{"content": bad}]
    content[0]["turns"][1]["rubrics"] = [
        {"criteria_definitions": [{"id": "c", "criterion": bad, "annotations": []}]}
    ]
    return content
