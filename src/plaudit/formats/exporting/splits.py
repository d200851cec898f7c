"""Splits of an export by the first user message: a prompt never falls into two parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.files import COMPRESSION_SUFFIXES
from plaudit.wire.v2.task import MessageRole, Thread

SPLITS_MAX = 50
"""Parts of an export, each a file of its own."""


class Split(Struct, frozen=True):
    """Part of an export: its name, and the upper bound of its share, 0 to 1."""

    name: str
    bound: float


def read_splits(text: str) -> list[Split]:
    """Read `train=0.9,test=0.1`; raises InvalidContent unless the shares add up to 1."""
    splits: list[Split] = []
    total = 0.0
    for part in text.split(","):
        if len(splits) == SPLITS_MAX:
            raise InvalidContent(f"there are at most {SPLITS_MAX} parts")
        name, _, share = part.strip().partition("=")
        if not name.isidentifier() or any(one.name == name for one in splits):
            raise InvalidContent(f"a part is NAME=SHARE with a name of its own, not {part!r}")
        try:
            number = float(share)
        except ValueError as exc:
            raise InvalidContent(f"the share of {name} is a number, not {share!r}") from exc
        if not 0 < number <= 1:
            raise InvalidContent(f"the share of {name} is more than 0 and at most 1")
        total += number
        splits.append(Split(name, total))
    if abs(total - 1) > 1e-9:
        raise InvalidContent(f"the shares add up to {total:g}, not to 1")
    return splits


def split_of(key: bytes, splits: Sequence[Split]) -> str:
    """Name of the part of a key; equal keys fall into equal parts."""
    share = int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64
    return next((split.name for split in splits if share < split.bound), splits[-1].name)


def split_key(threads: Sequence[Thread]) -> bytes:
    """First user message of a task, or all of its text without one."""
    first = first_user_text(threads)
    if first is not None:
        return first.encode()
    return "\0".join(
        message.content.text or ""
        for thread in threads
        for turn in thread.turns
        for message in turn.messages
    ).encode()


def first_user_text(threads: Sequence[Thread]) -> str | None:
    """Text of a task's first user message that has one, None without."""
    for thread in threads:
        for turn in thread.turns:
            for message in turn.messages:
                if message.role is MessageRole.user and message.content.text:
                    return message.content.text
    return None


def path_of_split(out: Path, name: str) -> Path:
    """`OUT.train.EXT` for `OUT.EXT`, also where a suffix of compression follows."""
    stem, ending = out.name, ""
    for suffix in COMPRESSION_SUFFIXES:
        if stem.endswith(suffix):
            stem, ending = stem.removesuffix(suffix), suffix
    extension = Path(stem).suffix
    return out.with_name(f"{stem.removesuffix(extension)}.{name}{extension}{ending}")
