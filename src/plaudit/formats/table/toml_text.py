"""Mappings as TOML text, for people to edit, and read from text that anybody may send."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from plaudit import json_guard
from plaudit.errors import InvalidContent

MAPPING_CHARS_MAX = 100_000
KEY_PARTS_MAX = 16
"""Parts of a dotted key; the time of Python's parser grows with their cube."""

_OPAQUE = re.compile(
    r'''(?s)"""(?:\\.|[^\\])*?(?:"""|\Z)|'{3}.*?(?:'{3}|\Z)'''
    r"""|"(?:\\.|[^"\\\n])*+"?|'[^'\n]*+'?|#[^\n]*+"""
)
"""Texts and comments, in which points are no parts of keys."""

_LONG_KEY = re.compile(
    rf"(?<![\w-])[\w-]++(?:[ \t]*+\.[ \t]*+[\w-]++){{{KEY_PARTS_MAX}}}", re.ASCII
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_CONTROL = re.compile(r'["\\\x00-\x1f\x7f]')
_LINE_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def mapping_from_text(text: str) -> dict[str, Any]:
    """Decode a mapping from TOML, or from a JSON object; raises InvalidContent.

    Its content is not checked, but is JSON: of bounded depth, with integers of 64 bits.
    """
    if len(text) > MAPPING_CHARS_MAX:
        raise InvalidContent(f"a mapping has at most {MAPPING_CHARS_MAX:,} characters")
    if text.lstrip().startswith("{"):
        decoded = json_guard.check(text.encode("utf-8", "surrogatepass"))
        if not isinstance(decoded, dict):
            raise InvalidContent("a mapping is an object")
        return decoded
    if _LONG_KEY.search(_OPAQUE.sub("x", text)):
        raise InvalidContent(f"a dotted key has at most {KEY_PARTS_MAX} parts")
    try:
        return dict(json_guard.check(msgspec.json.encode(tomllib.loads(text))))
    except RecursionError as exc:
        raise InvalidContent("the mapping is nested too deep") from exc
    except (ValueError, OverflowError, TypeError) as exc:
        raise InvalidContent(f"the mapping is not TOML: {exc}") from exc


def mapping_to_toml(decoded: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """Write a decoded mapping, with comments before it; reading it gives the mapping again."""
    lines = [f"# {_without_breaks(comment)}" for comment in comments]
    tables: list[str] = []
    for name, value in decoded.items():
        if name == "responses" and isinstance(value, list):
            for response in value:
                tables += ["", "[[responses]]", *_members(response)]
        elif name == "preference" and isinstance(value, Mapping):
            tables += ["", "[preference]", *_members(value)]
        elif value is not None:
            lines.append(f"{_key(name)} = {_value(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _members(value: Mapping[str, Any]) -> list[str]:
    return [
        f"{_key(name)} = {_value(member)}" for name, member in value.items() if member is not None
    ]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(name))} = {_value(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    return repr(value)


def _text(text: str) -> str:
    clean = _SURROGATES.sub("\ufffd", text)
    return f'"{_CONTROL.sub(_escaped, clean)}"'


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], f"\\u{ord(match[0]):04x}")


def _without_breaks(text: str) -> str:
    return _SURROGATES.sub("\ufffd", _LINE_BREAKS.sub(" ", text))
