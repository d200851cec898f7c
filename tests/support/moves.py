"""An organization that moves to another store by its archive, and what both stores hold of it."""

from __future__ import annotations

import json
from typing import Any

from plaudit.core.transfer import export
from plaudit.core.transfer.import_summary import Summary
from tests.support.harness import World


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
