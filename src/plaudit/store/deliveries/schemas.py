"""Delivery schemas: JSON Schemas of the responses in deliveries."""

from __future__ import annotations

from plaudit.model.deliveries import DeliverySchemaRow
from plaudit.store.engine.engine import Transaction

_COLUMNS = "environment_id, schema_id, name, json, created_by, created_ms, updated_by, updated_ms"


async def insert_schema(tx: Transaction, schema: DeliverySchemaRow) -> bool:
    """Add a schema; False if its id is taken."""
    return bool(
        await tx.run(
            f"INSERT INTO delivery_schema ({_COLUMNS}) VALUES (:environment_id, :schema_id, :name,"
            " :json,"
            " :created_by, :created_ms, :updated_by, :updated_ms) ON CONFLICT DO NOTHING",
            {
                "environment_id": schema.environment_id,
                "schema_id": schema.schema_id,
                "name": schema.name,
                "json": schema.json,
                "created_by": schema.created_by,
                "created_ms": schema.created_ms,
                "updated_by": schema.updated_by,
                "updated_ms": schema.updated_ms,
            },
        )
    )


async def find_schema(
    tx: Transaction, environment_id: str, schema_id: str
) -> DeliverySchemaRow | None:
    """A schema of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM delivery_schema WHERE environment_id = :environment_id AND"
        " schema_id = :schema_id",
        {"environment_id": environment_id, "schema_id": schema_id},
    )
    return DeliverySchemaRow(*row) if row else None


async def list_schemas(
    tx: Transaction, environment_id: str, *, with_text: bool
) -> list[DeliverySchemaRow]:
    """All schemas of this environment, oldest first; their `json` is empty unless asked for."""
    text = "json" if with_text else "NULL"
    rows = await tx.all(
        f"SELECT {_COLUMNS.replace('json', text)} FROM delivery_schema"
        " WHERE environment_id = :environment_id ORDER BY created_ms, schema_id",
        {"environment_id": environment_id},
    )
    return [
        DeliverySchemaRow(environment_id, schema_id, name, json or b"", *rest)
        for environment_id, schema_id, name, json, *rest in rows
    ]
