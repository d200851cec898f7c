"""Refuse JSON that some engine, language or reader would trip over, before it is decoded.

msgspec already refuses malformed JSON, invalid UTF-8, lone surrogates, NaN and numbers beyond a
double. What is left is checked here, on bytes, for every JSON document that comes from outside
(reliability T18 to T20): depth, duplicate keys, NUL, and integers beyond 64 bits.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from plaudit.errors import InvalidContent

DEPTH_MAX = 64
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

_TOKEN = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|[\[\]{},]', re.DOTALL)
_SPACES = (b" ", b"\t", b"\n", b"\r")
_ANY = msgspec.json.Decoder()


def check(data: bytes) -> Any:
    """Return the decoded document; raise InvalidContent, with a JSON pointer where there is one."""
    return check_deep(data, DEPTH_MAX)[0]


def check_deep(data: bytes, depth_max: int) -> tuple[Any, int]:
    """The same with another bound on the depth; also return how deep the document is.

    Duplicate keys leave no trace in a decoded object, so members are counted twice: as `":` in
    the bytes and as entries in the objects. Text that holds `":` or a colon set off by white
    space makes the two differ without a duplicate; then, and only then, every token is read.
    """
    value = decode_any(data)
    members, depth = _walk(value, depth_max)
    # Looking for one byte is far cheaper than for two, and most texts lack most of these.
    has_spaced_colon = any(space in data and space + b":" in data for space in _SPACES)
    if has_spaced_colon or members != data.count(b'":'):
        _refuse_duplicates(data)
    if b"\\u0000" in data:
        _refuse_nul(value)
    return value, depth


def decode_any(data: bytes) -> Any:
    """Decode JSON into plain Python values; raises InvalidContent saying where it breaks."""
    try:
        return _ANY.decode(data)
    except RecursionError as exc:
        raise InvalidContent(f"nested deeper than {DEPTH_MAX} levels") from exc
    # Versions of msgspec differ in whether text that is not UTF-8 is an error of its own.
    except (UnicodeDecodeError, msgspec.DecodeError) as exc:
        raise InvalidContent(_malformed(data, str(exc))) from exc


def _malformed(data: bytes, text: str) -> str:
    """Say in words of ours what is wrong with JSON of which msgspec says `text`."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return "text is not valid UTF-8"
    if "truncated" in text:
        return "the JSON ends too early (or holds half of a surrogate pair)"
    if "surrogate" in text:
        return "text holds an unpaired surrogate"
    if "out of range" in text:
        return "a number is outside the range of a 64-bit integer or double"
    return "not valid JSON: " + text.removeprefix("JSON is malformed: ")


def _walk(value: Any, depth_max: int) -> tuple[int, int]:
    """Count the members of all objects, and the levels; bound the depth and the integers."""
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
            elif kind is int and not INT_MIN <= item <= INT_MAX:
                raise InvalidContent("an integer is outside the 64-bit range")
        if not below:
            return members, depth + any(type(item) in (dict, list) for item in level)
        level = below
    raise InvalidContent(f"nested deeper than {depth_max} levels")


def _refuse_duplicates(data: bytes) -> None:
    """Read every token and name the key that stands twice in one object, if any does."""
    keys: list[set[str]] = []
    path: list[str | int] = []
    for found in _TOKEN.finditer(data):
        token = found[0]
        if token == b"{" or token == b"[":
            keys.append(set())
            path.append(0 if token == b"[" else "")
        elif token == b"}" or token == b"]":
            keys.pop()
            path.pop()
        elif token == b",":
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else last
        elif found[2] is not None:
            key = str(decode_any(b'"' + found[1] + b'"'))
            path[-1] = key
            if key in keys[-1]:
                pointer = "".join(f"/{escape(str(step))}" for step in path)
                raise InvalidContent(f"the key {key!r} stands twice", pointer=pointer)
            keys[-1].add(key)


def _refuse_nul(value: Any) -> None:
    """Find a NUL among the decoded strings (the bytes alone could be an escaped backslash)."""
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
    """One step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
