"""Lines of whole tasks, with every option, for exports; and lines as records with fixes.

A record is the JSON of a task with the default options, behind a comma (`render.record`). Most
lines differ from it by a few bytes, such as the submissions. So page files need not hold the line
beside the record: *fixes* say which bytes of the record are replaced by which.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from plaudit.model.core import ALL_OPTS, PageRow
from plaudit.wire.v2 import render
from plaudit.wire.v2.task import Thread

FIX = struct.Struct("<III")
"""A fix as it is stored: place in the record, bytes cut there, bytes put there instead."""
_COUNT = struct.Struct("<I")
"""Number of the fixes, before them; what they put there follows them."""

_CHUNKS, _REASONING = b'"chunks":[', b'"reasoning":['
_SEPARATORS = {
    b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029", b"\xc2\x85": b"\\u0085",
}  # fmt: skip
_BYTES_PER_GUESS = 512
"""Bytes of a text in which the last byte of a separator may stand once, on average, without one."""

_RECORD_START, _PROJECT_MEMBER = b",{", b',"project":'
"""A text before the member has no quotation mark without a backslash."""

_encode = msgspec.json.Encoder().encode


class _Threads(Struct):
    threads: list[Thread] = []


decode_threads = msgspec.json.Decoder(_Threads).decode


def join_lines(rows: Sequence[PageRow], refs: Mapping[str | None, bytes]) -> bytes:
    """Lines of stored tasks with every option; `refs` are those of `render.assemble`.

    They equal what decoding and encoding would give, though hardly any is decoded.
    """
    parts: list[bytes] = []
    render.assemble_lines(rows, refs, ALL_OPTS, parts)
    joined = b"".join(parts)
    if _may_be_reordered(joined, rows):
        parts.clear()
        render.assemble_lines([_ordered(row) for row in rows], refs, ALL_OPTS, parts)
        joined = b"".join(parts)
    return escape_separators(joined)


def _may_be_reordered(joined: bytes, rows: Sequence[PageRow]) -> bool:
    """True if a message may have two of chunks, reasoning and attachments.

    A stored body has these in another order than a task that is encoded.
    """
    has_chunks = _CHUNKS in joined
    has_attachments = any(render.has_attachments(row[5]) for row in rows)
    return (has_chunks and (has_attachments or _REASONING in joined)) or (
        has_attachments and _REASONING in joined
    )


def _ordered(row: PageRow) -> PageRow:
    """A row whose body has the order of a task that is encoded, with every option."""
    seq, completed_ms, batch_id, head, body, patches, size = row
    if body is not None:
        body = _encode(decode_threads(render.body_json(body, patches, ALL_OPTS)))[1:]
    return seq, completed_ms, batch_id, head, body, None, size


def escape_separators(lines: bytes) -> bytes:
    """JSON with the separators of Unicode, which stand in texts alone, escaped.

    They are looked for by their last byte first: most texts do not have it, or rarely, and that
    search runs at the pace of memory.
    """
    for separator, escaped in _SEPARATORS.items():
        at, last = -1, separator[-1:]
        for _ in range(1 + len(lines) // _BYTES_PER_GUESS):
            at = lines.find(last, at + 1)
            if at < 0 or lines.endswith(separator, 0, at + 1):
                break
        if at >= 0:
            lines = lines.replace(separator, escaped)
    return lines


def record_and_fixes(row: PageRow, refs: bytes) -> tuple[bytes, bytes]:
    """Record of a stored task, and the fixes that make its line of it; `refs` are its `head_refs`.

    No fixes are empty: then the line is the record without its comma.
    """
    _, _, batch_id, head, body, patches, _ = row
    record = render.record(head, body, refs)
    line = join_lines([row], {batch_id: refs})
    found = list(render.fixes(record, body, patches))
    fixes = _packed(found)
    if fixed(record, fixes) != line:
        fixes = _packed([(1, len(record) - 1, line[:-1])])
    return record, fixes


def _packed(found: Sequence[tuple[int, int, bytes]]) -> bytes:
    if not found:
        return b""
    packed = [FIX.pack(start, cut, len(put)) for start, cut, put in found]
    return b"".join((_COUNT.pack(len(found)), *packed, *(put for _, _, put in found)))


def unpacked(fixes: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Fixes in their order: place in the record, bytes cut there, and those put there instead."""
    if not fixes:
        return
    at = _COUNT.size + _COUNT.unpack_from(fixes)[0] * FIX.size
    for start, cut, length in FIX.iter_unpack(fixes[_COUNT.size : at]):
        yield start, cut, fixes[at : at + length]
        at += length


def fixed(record: bytes, fixes: bytes) -> bytes:
    """Line of a record with its fixes."""
    parts: list[bytes] = []
    at = 1
    for start, cut, put in unpacked(fixes):
        parts += record[at:start], put
        at = start + cut
    return b"".join((*parts, record[at:], b"\n"))


def id_member(records: bytes | bytearray, start: int) -> bytes:
    """Member `task_id` of the record that begins at `start`."""
    begin = start + len(_RECORD_START)
    return bytes(records[begin : records.index(_PROJECT_MEMBER, begin)])
