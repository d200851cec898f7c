"""Delivery schemas: JSON Schemas stored as given, under ids of 24 hexadecimal digits."""

from __future__ import annotations

import re
import secrets

import msgspec

from plaudit import clock, json_guard
from plaudit.core.common import names
from plaudit.errors import Conflict, InvalidContent, InvalidParameter, NotFound
from plaudit.ids import ID_CHARS_MAX
from plaudit.model.deliveries import DeliverySchemaRow
from plaudit.store.deliveries import schemas
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2 import size_limits

_ID = re.compile(r"[0-9a-fA-F]{24}")
_ID_RULE = "a schema id has 24 hexadecimal digits"


async def create_schema(
    tx: Transaction, environment_id: str, *, name: str, json: bytes, actor_id: str
) -> DeliverySchemaRow:
    """Add a schema under a new id; `json` is from `checked_json`. Raises InvalidContent."""
    now = clock.now_ms()
    schema = DeliverySchemaRow(
        environment_id=environment_id,
        schema_id=f"{now // 1000:08x}{secrets.randbits(64):016x}",
        name=name,
        json=json,
        created_by=actor_id,
        created_ms=now,
        updated_by=actor_id,
        updated_ms=now,
    )
    await add_schema(tx, schema)
    return schema


async def add_schema(tx: Transaction, schema: DeliverySchemaRow) -> None:
    """Add a schema with its own id; raises InvalidContent, or Conflict if the id is taken."""
    names.check_name(schema.name)
    if not _ID.fullmatch(schema.schema_id):
        raise InvalidContent(_ID_RULE, pointer="/id")
    for name, person in (("createdBy", schema.created_by), ("updatedBy", schema.updated_by)):
        if len(person) > ID_CHARS_MAX:
            raise InvalidContent(f"at most {ID_CHARS_MAX} characters", pointer=f"/{name}")
    if not await schemas.insert_schema(tx, schema):
        raise Conflict(f"there is a schema {schema.schema_id!r} already, with other content")


async def get_schema(tx: Transaction, environment_id: str, schema_id: str) -> DeliverySchemaRow:
    """A schema of this environment; raises InvalidParameter for a malformed id, or NotFound."""
    if not _ID.fullmatch(schema_id):
        raise InvalidParameter(_ID_RULE, param="schema_id")
    schema = await schemas.find_schema(tx, environment_id, schema_id)
    if schema is None:
        raise NotFound("there is no such schema")
    return schema


def checked_json(json: str | dict[str, object], *, structure_max: int | None = None) -> bytes:
    """UTF-8 text of a JSON Schema; raises InvalidContent if too long or no JSON object.

    `structure_max` bounds its structural characters; a text within a request's body hides its own.
    """
    text = json.encode() if isinstance(json, str) else msgspec.json.encode(json)
    if len(text) > size_limits.TEXT_BYTES_MAX:
        raise InvalidContent(
            f"a JSON Schema has at most {size_limits.TEXT_BYTES_MAX} bytes", pointer="/json"
        )
    try:
        if structure_max is not None:
            json_guard.refuse_structure(text, structure_max)
        value = json_guard.check(text)
    except InvalidContent as exc:
        raise InvalidContent(f"not a JSON Schema: {exc.message}", pointer="/json") from exc
    if not isinstance(value, dict):
        raise InvalidContent("a JSON Schema is an object", pointer="/json")
    return text
