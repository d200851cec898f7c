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

_TOKEN = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|[\[\]{},]', re.DOTALL)
_SPACES = (b" ", b"\t", b"\n", b"\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ANY = msgspec.json.Decoder()


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
    """Decode JSON into built-in Python values; raises InvalidContent with the byte position."""
    try:
        return _ANY.decode(data)
    except RecursionError as exc:
        raise InvalidContent(f"nested deeper than {DEPTH_MAX} levels") from exc
    # Versions of msgspec differ in whether text that is not UTF-8 is an error of its own.
    except (UnicodeDecodeError, msgspec.DecodeError) as exc:
        pointer = _locate(data)
        if pointer is not None:
            raise InvalidContent("text holds an unpaired surrogate", pointer=pointer) from exc
        raise InvalidContent(_malformed(data, str(exc))) from exc


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
    return "not valid JSON: " + text.removeprefix("JSON is malformed: ")


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
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token == b"{" or token == b"[":
            keys.append(set())
            path.append(0 if token == b"[" else "")
        elif token == b"}" or token == b"]":
            keys.pop()
            path.pop()
        elif token == b",":
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else last
        elif match[2] is not None:
            key = str(decode_any(b'"' + match[1] + b'"'))
            path[-1] = key
            if key in keys[-1]:
                pointer = "".join(f"/{escape(str(step))}" for step in path)
                raise InvalidContent(f"the key {key!r} stands twice", pointer=pointer)
            keys[-1].add(key)


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
