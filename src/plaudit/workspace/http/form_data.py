"""Read request bodies of pages: form fields or JSON, by their declared Content-Type."""

from __future__ import annotations

import typing
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import BadRequest, InvalidContent
from plaudit.wire.v2.parse import convert

FIELDS_MAX = 1000
STRUCTURE_MAX = 100_000
"""Structural characters of JSON in a form field."""

TOKEN_FIELD = "csrf"

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


def read_fields(raw: bytes, content_type: str) -> dict[str, list[str]]:
    """Form fields by name, each with its values in order; raises BadRequest."""
    require_content_type(content_type, _FORM)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX,
            encoding="utf-8",
            errors="strict",
        )
    except ValueError as exc:
        raise BadRequest("the form is not well-formed, or has too many fields") from exc
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise BadRequest("the form holds a NUL character")
        # Browsers send line ends of text areas as CR LF, whatever was typed.
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return fields


def read_struct(fields: dict[str, list[str]], kind: type[Struct]) -> Any:
    """Convert form fields into a struct; raises InvalidContent with the field as pointer.

    A blank optional field becomes None, a list takes every value of its name, and a bool is True
    where the checkbox was sent. Unknown fields are refused.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(fields.keys() - set(kind.__struct_fields__) - {TOKEN_FIELD})
    if unknown:
        raise InvalidContent("there is no such field", pointer=f"/{unknown[0][:64]}")
    values: dict[str, Any] = {}
    for name in kind.__struct_fields__:
        texts, hint = fields.get(name), hints[name]
        if hint is bool:
            values[name] = texts is not None
        elif typing.get_origin(hint) is list:
            values[name] = texts or []
        elif texts is None:
            continue
        elif len(texts) > 1:
            raise InvalidContent("the field is there twice", pointer=f"/{name}")
        elif texts[0] == "" and type(None) in typing.get_args(hint):
            values[name] = None
        else:
            values[name] = texts[0]
    # Form fields are text, so numbers are converted from text.
    return convert(values, kind, strict=False)


def read_json(raw: bytes, content_type: str, kind: type[Struct]) -> Any:
    """Convert a JSON body into a struct; raises BadRequest for another type, InvalidContent."""
    require_content_type(content_type, _JSON)
    return convert(json_guard.check(raw), kind)


def parse_json_field(text: str, pointer: str) -> Any:
    """Decode JSON from a form field; raises InvalidContent with a pointer below `pointer`."""
    try:
        data = text.encode()
        json_guard.refuse_structure(data, STRUCTURE_MAX)
        return json_guard.check(data)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer + (exc.pointer or "")) from exc


def split_lines(text: str | None) -> list[str] | None:
    """Stripped non-blank lines of a text field; None where there are none."""
    return [line.strip() for line in (text or "").split("\n") if line.strip()] or None


def require_content_type(content_type: str, media_type: str) -> None:
    """Raise BadRequest unless a Content-Type header names this media type."""
    if content_type.partition(";")[0].strip().lower() != media_type:
        raise BadRequest(f"the request's Content-Type must be {media_type}")
