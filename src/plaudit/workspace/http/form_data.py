"""Read what a page sends: the fields of a form, or JSON; each only as what it says it is."""

from __future__ import annotations

import typing
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import BadRequest, InvalidContent
from plaudit.wire.v2.parse import convert

FORM_BYTES_MAX = 1024 * 1024
FIELDS_MAX = 1000
TOKEN_FIELD = "csrf"

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


def read_fields(raw: bytes, content_type: str) -> dict[str, list[str]]:
    """The fields of a form, each with its values; raises BadRequest for anything else."""
    require_type(content_type, _FORM)
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


def to_struct(fields: dict[str, list[str]], kind: type[Struct]) -> Any:
    """A form's fields as a struct; raises InvalidContent with the field as pointer.

    A field that may be None is None when it is left blank; one that is a list takes every value
    of that name; a bool is whether the box is ticked. Fields that the struct lacks are refused.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(fields.keys() - set(kind.__struct_fields__) - {TOKEN_FIELD})
    if unknown:
        raise InvalidContent("there is no such field", pointer=f"/{unknown[0][:64]}")
    values: dict[str, Any] = {}
    for name in kind.__struct_fields__:
        given, hint = fields.get(name), hints[name]
        if hint is bool:
            values[name] = given is not None
        elif typing.get_origin(hint) is list:
            values[name] = given or []
        elif given is None:
            continue
        elif len(given) > 1:
            raise InvalidContent("the field is there twice", pointer=f"/{name}")
        elif given[0] == "" and type(None) in typing.get_args(hint):
            values[name] = None
        else:
            values[name] = given[0]
    # Forms know text alone, so numbers are read from it.
    return _convert_texts(values, kind)


def read_json(raw: bytes, content_type: str, kind: type[Struct]) -> Any:
    """JSON as a struct; raises BadRequest unless it says that it is JSON, or InvalidContent."""
    require_type(content_type, _JSON)
    return convert(json_guard.check(raw), kind)


def json_in(text: str, pointer: str) -> Any:
    """JSON that somebody typed into a field; raises InvalidContent with a pointer from there."""
    try:
        return json_guard.check(text.encode())
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer + (exc.pointer or "")) from exc


def lines_in(text: str | None) -> list[str] | None:
    """What stands on the lines of a field, blank ones left out; None where nothing does."""
    return [line.strip() for line in (text or "").split("\n") if line.strip()] or None


def _convert_texts(values: dict[str, Any], kind: type[Struct]) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError:
        return convert(values, kind)  # says what is wrong in our words


def require_type(given: str, wanted: str) -> None:
    """Raise BadRequest unless a Content-Type names this media type."""
    if given.partition(";")[0].strip().lower() != wanted:
        raise BadRequest(f"the request's Content-Type must be {wanted}")
