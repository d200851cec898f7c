"""An organization that moves to another store by its archive, and what both stores hold of it."""

from __future__ import annotations

import json
from typing import Any

from plaudit.core.transfer import export
from plaudit.core.transfer.archive_contents import CARRIED
from plaudit.core.transfer.import_summary import Summary
from plaudit.store.engine.migrator import LEDGER
from tests.support.harness import World

SECRET = {"webhook_endpoint": {"secret", "old_secret", "old_until_ms"}}
"""Columns of carried tables that do not come, by table."""

MOVED_ON = {
    "delivery": {"delivery_seq", "run_no", "lease_ms"},
    "delivered_task": {"delivery_seq"},
    "dataset_delivery": {"metadata"},
}
"""Columns of which the values follow from others, or from the run that wrote them."""


def archive_of(world: World, org: str = "default", *, for_operator: bool = True) -> list[Any]:
    """The lines of an organization's archive, decoded."""
    environment_id = world.org(org)

    async def read() -> list[Any]:
        lines = export.archive_lines(
            world.db, environment_id, world.objects, for_operator=for_operator
        )
        return [json.loads(line) async for line in lines]

    return world.run(read())


def without_audit(lines: list[bytes]) -> list[bytes]:
    """Lines of an archive but those of the audit log, which a new store has begun by itself."""
    return [line for line in lines if not line.startswith(b'{"kind":"audit_entry"')]


def move(source: World, target: World) -> Summary:
    """Import the archive of one store into the other, of which nothing may be refused."""
    summary, rejects = target.load(archive_of(source), "archive")
    assert [str(reject) for reject in rejects] == []
    return summary


def values_of(lines: list[Any], kind: str) -> list[Any]:
    """The values of an archive's lines of one kind."""
    return [line["value"] for line in lines if line["kind"] == kind]


def rows_of(world: World, table: str, columns: str = "*") -> list[Any]:
    """The rows of a table, in no order."""

    async def read() -> list[Any]:
        async with world.db.read() as tx:
            return await tx.all(f"SELECT {columns} FROM {table}", {})

    return sorted(world.run(read()), key=repr)


def tables_of(world: World) -> list[str]:
    """The tables of a store, but for the ledger of its migrations."""
    sql = (
        "SELECT name FROM pragma_table_list WHERE type <> 'shadow' AND schema = 'main'"
        if world.settings.database is None
        else "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace = 'public'::regnamespace"
    )

    async def read() -> list[str]:
        async with world.db.read() as tx:
            return [str(name) for (name,) in await tx.all(sql, {})]

    return [name for name in world.run(read()) if not name.startswith(("sqlite_", LEDGER))]


def columns_of(world: World, table: str) -> list[str]:
    """The columns of a table, as either engine names them."""
    sql = (
        f"SELECT name FROM pragma_table_info('{table}') ORDER BY name"
        if world.settings.database is None
        else "SELECT column_name FROM information_schema.columns"
        f" WHERE table_name = '{table}' AND table_schema = 'public' ORDER BY column_name"
    )

    async def read() -> list[str]:
        async with world.db.read() as tx:
            return [str(name) for (name,) in await tx.all(sql, {})]

    return sorted(world.run(read()))


def stored(world: World) -> dict[str, list[dict[str, Any]]]:
    """Every carried row of a store with one organization; what each numbers itself has names."""
    named: dict[str, dict[Any, Any]] = {
        "project_key": dict(rows_of(world, "project", "project_key, project_id")) | {0: None},
        "dataset_key": dict(rows_of(world, "dataset", "dataset_key, dataset_id")),
        "environment_id": dict(rows_of(world, "environment", "environment_id, mode")),
        "organization_id": dict(rows_of(world, "organization", "organization_id, 'it'")),
    }
    environments = list(named["environment_id"])
    found = {}
    for table in CARRIED:
        left_out = SECRET.get(table, set()) | MOVED_ON.get(table, set())
        columns = [name for name in columns_of(world, table) if name not in left_out]
        rows = [
            {
                name: _named(named.get(name, {}).get(value, value), environments)
                for name, value in zip(columns, row, strict=True)
            }
            for row in rows_of(world, table, ", ".join(columns))
        ]
        for row in rows if table == "project" else ():
            row["detail"] = json.loads(row["detail"])  # the order of its members is no one's
        found[table] = sorted(rows, key=repr)
    return found


def _named(value: Any, environments: list[str]) -> Any:
    """A value without the ids of environments, which stand in the queues of callbacks."""
    for environment_id in environments:
        if isinstance(value, str):
            value = value.replace(environment_id, "ENVIRONMENT")
    return value
