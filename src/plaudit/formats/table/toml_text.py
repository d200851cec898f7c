"""Mappings as TOML text, for people to edit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_CONTROL = re.compile(r'["\\\x00-\x1f\x7f]')
_LINE_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


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
