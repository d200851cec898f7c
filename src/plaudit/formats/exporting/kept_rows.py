"""Rows of an export on disk until its columns are known, and lines about their origins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import msgspec
from msgspec import Struct

_encode = msgspec.msgpack.Encoder().encode
_encode_json = msgspec.json.Encoder().encode
_SIZE_BYTES = 4


class RowOnDisk(Struct, array_like=True):
    """Row of a part, the empty one without splits, with its origin and its flags."""

    split: str
    values: dict[str, Any]
    task_id: str
    thread_id: str | None
    turn_id: str | None
    contributor_ids: Sequence[str]
    flags: Sequence[str]


_decode = msgspec.msgpack.Decoder(RowOnDisk).decode


def keep(file: IO[bytes], row: RowOnDisk) -> None:
    """Append a row to a file."""
    encoded = _encode(row)
    file.write(len(encoded).to_bytes(_SIZE_BYTES))
    file.write(encoded)


def kept_rows(file: IO[bytes]) -> Iterator[RowOnDisk]:
    """Rows of a file, from its beginning."""
    file.seek(0)
    while size := file.read(_SIZE_BYTES):
        yield _decode(file.read(int.from_bytes(size)))


def origin_line(row: RowOnDisk) -> bytes:
    """Line of JSON about the origin of a row: its task, and what of that it comes from."""
    origin: dict[str, Any] = {"task_id": row.task_id}
    for name in ("thread_id", "turn_id"):
        if getattr(row, name) is not None:
            origin[name] = getattr(row, name)
    for name in ("contributor_ids", "flags"):
        if getattr(row, name):
            origin[name] = getattr(row, name)
    named = {"split": row.split, **origin} if row.split else origin
    return _encode_json(named) + b"\n"


def stored_origin_line(id_member: bytes, split: str = "") -> bytes:
    """Line of the origin of a stored task, as `origin_line` makes one, of its member `task_id`."""
    member = id_member
    if split:
        member = b'"split":' + _encode_json(split) + b"," + member
    return b"{" + member + b"}\n"
