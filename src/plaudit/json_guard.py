"""Strict JSON for untrusted input: rejects documents that parsers disagree on (docs/adr/0008).

msgspec rejects malformed JSON, invalid UTF-8, lone surrogates, NaN and numbers beyond a double.
This module also rejects deep nesting, duplicate keys, NUL and integers beyond 64 bits, which
I-JSON (RFC 7493) forbids or databases refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from plaudit.errors import InvalidContent

BOM = b"\xef\xbb\xbf"
"""UTF-8 byte order mark, which editors and exports put first; RFC 8259 lets readers skip it."""
DEPTH_MAX = 64
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

PIECE_BYTES = 16 * 1024
"""Longer documents of many values are decoded in pieces of at most so many bytes."""

FEW_VALUES_BYTES_MAX = 4 * 1024 * 1024
"""Of a document of few values that is decoded in one call, which holds the interpreter's lock."""

_STRUCTURAL = b"[]{},:"
_NOT_STRUCTURAL = bytes(set(range(256)).difference(_STRUCTURAL))
_OPEN_ARRAY, _COMMA = b"[,"
_FIRST = re.compile(rb"[ \t\n\r]*(.)")
_SPACES = (b" ", b"\t", b"\n", b"\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ANY = msgspec.json.Decoder()
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class StructureCount:
    """Count of the structural characters of JSON (RFC 8259, section 2) that comes in pieces.

    They are `[]{},:` outside of strings. A document has at most one more value and key than those,
    so the cost of reading it is known before anything is built. Of what is no JSON, the count says
    nothing.
    """

    def __init__(self) -> None:
        self.count = 0
        self._is_in_string = False
        self._is_escaped = False
        """True if the pieces so far end within an escape, after its backslash."""

    def add(self, piece: bytes) -> None:
        """Count the next piece."""
        if self._is_escaped and piece:
            piece, self._is_escaped = b"_" + piece[1:], False
        piece = without_escapes(piece)
        self._is_escaped = self._is_escaped or piece.endswith(b"\\")
        parts = piece.split(b'"')
        outside = parts[1::2] if self._is_in_string else parts[::2]
        self._is_in_string ^= len(parts) % 2 == 0
        self.count += sum(len(part.translate(None, _NOT_STRUCTURAL)) for part in outside)


def refuse_structure(data: bytes, count_max: int) -> None:
    """Raise InvalidContent for more than `count_max` structural characters."""
    structure = StructureCount()
    for start in range(0, len(data), PIECE_BYTES):
        structure.add(data[start : start + PIECE_BYTES])
        if structure.count > count_max:
            raise InvalidContent(
                f"more than {count_max} brackets, braces, commas and colons outside of texts"
            )


def check(data: bytes) -> Any:
    """Decode a document of at most DEPTH_MAX levels; raises InvalidContent."""
    return check_deep(data, DEPTH_MAX)[0]


def check_deep(data: bytes, depth_max: int) -> tuple[Any, int]:
    """Decode a document of at most `depth_max` levels, and return its depth; raises InvalidContent.

    A byte order mark at its beginning is skipped.

    Duplicate keys leave no trace in a decoded object, so members are counted twice: as `":` in
    the bytes and as entries in the objects. Text with `":` and colons after white space make the
    counts differ without a duplicate; only then every token is read.
    """
    data = data.removeprefix(BOM)
    value = decode_any(data, depth_max)
    members, depth = _walk(value, depth_max)
    # Looking for one byte is far cheaper than for two, and most texts lack most of these.
    has_spaced_colon = any(space in data and space + b":" in data for space in _SPACES)
    if has_spaced_colon or members != data.count(b'":'):
        _refuse_duplicates(data)
    if b"\\u0000" in data:
        _refuse_nul(value)
    return value, depth


def decode_any(data: bytes, depth_max: int = DEPTH_MAX) -> Any:
    """Decode JSON into built-in Python values; raises InvalidContent.

    The values are not checked, `depth_max` only bounds the work.
    """
    try:
        is_short = len(data) <= PIECE_BYTES
        is_light = len(data) <= FEW_VALUES_BYTES_MAX and _has_few_values(data)
        return _ANY.decode(data) if is_short or is_light else _decode_pieces(data, depth_max)
    except RecursionError as exc:
        raise InvalidContent(f"nested deeper than {depth_max} levels") from exc
    # Versions of msgspec differ in whether text that is not UTF-8 is an error of its own.
    except (UnicodeDecodeError, msgspec.DecodeError) as exc:
        pointer = _locate(data)
        if pointer is not None:
            raise InvalidContent("text holds an unpaired surrogate", pointer=pointer) from exc
        raise InvalidContent(_malformed(data, str(exc))) from exc


def _decode_pieces(data: bytes, depth_max: int) -> Any:
    """Decode a long document in pieces; raises as msgspec does.

    A call of the decoder holds the interpreter's lock: of 10 MiB of numbers, for half a second.
    """
    if len(data) <= PIECE_BYTES:
        return _ANY.decode(data)
    if depth_max < 0:
        raise RecursionError
    first = _FIRST.match(data)
    if first is not None and first[1] == b"{":
        members = _MEMBERS.decode(data)
        return dict(zip(members, _decode_values(list(members.values()), depth_max), strict=True))
    if first is not None and first[1] == b"[":
        return _decode_values(_ITEMS.decode(data), depth_max)
    return _ANY.decode(data)


def _has_few_values(data: bytes) -> bool:
    """True if a document has no more values than a piece may have, so that its bytes are texts.

    To look for pieces reads a text once for each level above it.
    """
    left = PIECE_BYTES // 2
    for mark in (b",", b"[", b"{"):
        left -= data.count(mark)
        if left < 0:
            return False
    return True


def _decode_values(values: list[msgspec.Raw], depth_max: int) -> list[Any]:
    """Decode the values of an array or object, as many in one call as fit into a piece."""
    decoded: list[Any] = []
    group: list[msgspec.Raw] = []
    size = 0
    for value in values:
        length = len(memoryview(value))
        if size + length > PIECE_BYTES and group:
            decoded += _ANY.decode(b"[%b]" % b",".join(group))
            group, size = [], 0
        if length > PIECE_BYTES:
            decoded.append(_decode_pieces(bytes(value), depth_max - 1))
        else:
            group.append(value)
            size += length
    decoded += _ANY.decode(b"[%b]" % b",".join(group))
    return decoded


def _malformed(data: bytes, text: str) -> str:
    """Error message for JSON that msgspec rejected with the message `text`."""
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        return "text is not valid UTF-8"
    if "truncated" in text:
        return "the JSON ends too early"
    if "out of range" in text:
        return "a number is outside the range of a 64-bit integer or double"
    reason = text.removeprefix("JSON is malformed: ")
    return f"not valid JSON: {reason}"


def _locate(data: bytes) -> str | None:
    """JSON pointer to the text with an unpaired surrogate that made msgspec refuse a document.

    None if it was refused for something else. The standard library reads such texts.
    """
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return _find(value, _has_surrogate)


def _has_surrogate(value: Any) -> bool:
    """True for an unpaired surrogate in a text, or in a key of an object."""
    texts = value if isinstance(value, dict) else [value]
    return any(isinstance(text, str) and _SURROGATE.search(text) for text in texts)


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and not INT_MIN <= value <= INT_MAX


def _find(value: Any, is_wanted: Callable[[Any], bool]) -> str | None:
    """JSON pointer to the first value within a document that is wanted, None without one."""
    pending = [(value, "")]
    while pending:
        value, pointer = pending.pop()
        if is_wanted(value):
            return pointer
        inner: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value)
        pending += [(item, f"{pointer}/{escape(str(key))}") for key, item in inner][::-1]
    return None


def check_values(values: Iterable[Any], depth_max: int) -> None:
    """Raise InvalidContent for decoded values that are deep, or hold an integer beyond 64 bits."""
    _walk([value for value in values if value is not msgspec.UNSET], depth_max + 1)


def _walk(value: Any, depth_max: int) -> tuple[int, int]:
    """Count all members and levels; raises InvalidContent for deep nesting and large integers."""
    members = 0
    level = [value]
    for depth in range(depth_max + 1):
        if depth == depth_max and any(type(item) in (dict, list) for item in level):
            break
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                members += len(item)
                below += item.values()
            elif kind is list:
                below += item
            elif kind is int and _is_too_large(item):
                raise InvalidContent(
                    "an integer is outside the 64-bit range",
                    pointer=_find(value, _is_too_large) or "",
                )
        if not below:
            return members, depth + any(type(item) in (dict, list) for item in level)
        level = below
    raise InvalidContent(f"nested deeper than {depth_max} levels")


def _refuse_duplicates(data: bytes) -> None:
    """Read every token; raises InvalidContent with a pointer for a duplicate key."""
    keys: list[set[str]] = []
    path: list[str | int] = []
    start, string = 0, b""
    for number, part in enumerate(without_escapes(data).split(b'"')):
        if number % 2:
            string = data[start : start + len(part)]
        else:
            marks = part.translate(None, _NOT_STRUCTURAL)
            if marks.startswith(b":"):
                key = string.decode() if b"\\" not in string else _ANY.decode(b'"%b"' % string)
                path[-1] = key
                if key in keys[-1]:
                    pointer = "".join(f"/{escape(str(step))}" for step in path)
                    raise InvalidContent(f"the key {key!r} stands twice", pointer=pointer)
                keys[-1].add(key)
            _follow(marks, keys, path)
        start += len(part) + 1


def _follow(marks: bytes, keys: list[set[str]], path: list[str | int]) -> None:
    """Update the keys and the path of the open arrays and objects by structural characters."""
    for mark in marks:
        if mark in b"{[":
            keys.append(set())
            path.append(0 if mark == _OPEN_ARRAY else "")
        elif mark in b"}]":
            keys.pop()
            path.pop()
        elif mark == _COMMA and isinstance(last := path[-1], int):
            path[-1] = last + 1


def without_escapes(data: bytes) -> bytes:
    """Well-formed JSON of the same length whose quotes all begin or end a string."""
    if b"\\" not in data:
        return data
    return data.replace(b"\\\\", b"__").replace(b'\\"', b"__")


def _refuse_nul(value: Any) -> None:
    """Raise InvalidContent for NUL in a decoded string (the bytes may be an escaped backslash)."""
    pending = [(value, "")]
    while pending:
        value, pointer = pending.pop()
        if isinstance(value, str) and "\x00" in value:
            raise InvalidContent("text holds a NUL character", pointer=pointer)
        if isinstance(value, dict):
            if any("\x00" in key for key in value):
                raise InvalidContent("a key holds a NUL character", pointer=pointer)
            pending.extend((item, f"{pointer}/{escape(key)}") for key, item in value.items())
        elif isinstance(value, list):
            pending.extend((item, f"{pointer}/{n}") for n, item in enumerate(value))


def escape(key: str) -> str:
    """Escape a key as a step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
