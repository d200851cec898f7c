"""Query parameters: declared once as annotated struct fields, decoded with v2's leniencies.

A field's annotation says what the parameter takes; the decoder and the OpenAPI document both come
from it. Every parameter has the leniencies of the v2 API (docs/compatibility.md): `+` and `%20` are
spaces; repeated, bracketed (`expand[]=`) and comma-separated lists are equivalent; an empty value
means an absent one; unknown parameters are ignored, unknown values of known ones refused.
"""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from plaudit import clock
from plaudit.core.accounts.api_keys import contains_key, mask_keys
from plaudit.errors import InvalidParameter

Q = TypeVar("Q", bound=Struct)

VALUE_CHARS_MAX = 4096
CACHED_QUERY_BYTES_MAX = 1024
_DIGITS = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class Parameter(Struct, frozen=True, kw_only=True):
    """Declaration of a query parameter: its decoder and its OpenAPI schema."""

    description: str
    example: Any = None
    required: bool = False

    def read(self, name: str, values: list[str]) -> Any:
        """Decode one or more non-empty texts; raises InvalidParameter, also if they differ."""
        if len(set(values)) > 1:
            raise InvalidParameter(f"{name} is given twice, with different values", param=name)
        return self.read_one(name, values[0])

    def read_one(self, name: str, text: str) -> Any:
        """Decode one text; raises InvalidParameter."""
        return text

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the value."""
        return {"type": "string"}


class Text(Parameter, frozen=True, kw_only=True):
    """Text parameter."""


class TextList(Parameter, frozen=True, kw_only=True):
    """Parameter with any number of texts, each given by a parameter of its own; commas are text."""

    def read(self, name: str, values: list[str]) -> tuple[str, ...]:
        return tuple(values)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


class IntRange(Parameter, frozen=True, kw_only=True):
    """Integer parameter from `least` to `most`, both included."""

    least: int
    most: int
    default: int

    def read_one(self, name: str, text: str) -> int:
        if _DIGITS.fullmatch(text) and self.least <= int(text) <= self.most:
            return int(text)
        raise InvalidParameter(
            f"{name} must be a whole number from {self.least} to {self.most}", param=name
        )

    def schema(self) -> dict[str, Any]:
        return {
            "type": "integer",
            "minimum": self.least,
            "maximum": self.most,
            "default": self.default,
        }


class Number(Parameter, frozen=True, kw_only=True):
    """Finite number parameter, at least 0."""

    def read_one(self, name: str, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < math.inf:
            raise InvalidParameter(f"{name} must be a number of at least 0", param=name)
        return number

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0}


class DateTime(Parameter, frozen=True, kw_only=True):
    """Date or date-time parameter, decoded into milliseconds since the epoch.

    `round_up` is for exclusive upper bounds: finer fractions must not exclude their millisecond.
    """

    round_up: bool = False

    def read_one(self, name: str, text: str) -> int:
        try:
            return clock.parse_moment(text, round_up=self.round_up)
        except ValueError as exc:
            raise InvalidParameter(
                f"{name} must be an ISO 8601 date-time such as 2025-01-01T08:31:03.169Z",
                param=name,
            ) from exc

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class Enum(Parameter, frozen=True, kw_only=True):
    """Parameter with one value of a StrEnum."""

    words: type[StrEnum]

    def read_one(self, name: str, text: str) -> StrEnum:
        try:
            return self.words(text)
        except ValueError as exc:
            raise InvalidParameter(
                f"{name} must be one of {', '.join(self.words)}", param=name
            ) from exc

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [word.value for word in self.words]}


class EnumList(Parameter, frozen=True, kw_only=True):
    """Parameter with any number of values out of `words`."""

    words: tuple[str, ...]
    default: tuple[str, ...] = ()

    def read(self, name: str, values: list[str]) -> frozenset[str]:
        chosen = {word for value in values for word in value.split(",") if word}
        unknown = sorted(chosen.difference(self.words))
        if unknown:
            raise InvalidParameter(f"{name} takes {', '.join(self.words)}", param=name)
        return frozenset(chosen)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "array",
            "items": {"type": "string", "enum": list(self.words)},
            "uniqueItems": False,
        }
        return schema | ({"default": list(self.default)} if self.default else {})


class NoQuery(Struct, frozen=True):
    """No query parameters."""


@lru_cache(maxsize=64)
def parameters_of(query: type[Struct]) -> dict[str, Parameter]:
    """Parameters of a query struct by field name, in order of declaration."""
    hints = typing.get_type_hints(query, include_extras=True)
    parameters = {}
    for name in query.__struct_fields__:
        declared = [arg for arg in typing.get_args(hints[name]) if isinstance(arg, Parameter)]
        assert declared, f"{query.__name__}.{name} declares no parameter"
        parameters[name] = declared[0]
    return parameters


def decode(query: type[Q], raw: bytes) -> Q:
    """Decode a raw query string into its struct; raises InvalidParameter naming the parameter."""
    if len(raw) <= CACHED_QUERY_BYTES_MAX:
        return cast(Q, _decode_cached(query, raw))
    return _decode(query, raw)


def _decode(query: type[Q], raw: bytes) -> Q:
    declared = parameters_of(query)
    texts_of: dict[str, list[str]] = {}
    for name, value in _pairs(raw):
        if name in declared and value.strip(","):
            texts_of.setdefault(name, []).append(value)
    values = {name: declared[name].read(name, texts) for name, texts in texts_of.items()}
    for name, parameter in declared.items():
        if parameter.required and name not in values:
            raise InvalidParameter(f"{name} is required", param=name)
    return query(**values)


_decode_cached = lru_cache(maxsize=512)(_decode)


def _pairs(raw: bytes) -> Iterable[tuple[str, str]]:
    for piece in raw.split(b"&"):
        if not piece:
            continue
        raw_name, _, raw_value = piece.partition(b"=")
        name = _text(raw_name, "a parameter's name").removesuffix("[]")
        value = _text(raw_value, name)
        if len(value) > VALUE_CHARS_MAX:
            raise InvalidParameter(
                f"{_short(name)} is longer than {VALUE_CHARS_MAX} characters", param=_short(name)
            )
        if contains_key(f"{name}={value}"):
            raise InvalidParameter(
                "an API key belongs in the Authorization header, never in a URL; revoke this one",
                param=_short(name),
            )
        yield name, value


def _text(raw: bytes, name: str) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidParameter(f"{_short(name)} is not valid UTF-8", param=_short(name)) from exc
    if "\x00" in text:
        raise InvalidParameter(f"{_short(name)} holds a NUL character", param=_short(name))
    return text


def _short(name: str) -> str:
    """Parameter name for an error message: keys masked, at most 64 characters."""
    masked = mask_keys(name)
    return masked if len(masked) <= 64 else masked[:64] + "…"
