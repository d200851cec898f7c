"""What managers' pages leave behind, read from the store, and what stands in their texts."""

from __future__ import annotations

import re
from typing import Any

from plaudit.model.core import AuditEntryRow
from plaudit.store.common import audit
from plaudit.store.tasks import projects
from plaudit.wire.v2.resources import ProjectDetail, project_detail
from tests.support.harness import World
from tests.support.pages.browser_client import Tags


def all_projects(world: World) -> dict[str, ProjectDetail]:
    """What is set for each project of the organization "default", by name."""
    environment_id = world.org()
    found = world.run(world.db.write(lambda tx: projects.list_projects(tx, environment_id)))
    return {one.name: project_detail(one) for one in found}


def entries(world: World) -> list[AuditEntryRow]:
    """What people did, as the audit log has it, the latest first; their signing in left out."""
    environment_id = world.org()

    async def read(tx: Any) -> list[AuditEntryRow]:
        found, _ = await audit.list_entries(
            tx, environment_id, before=None, object_id=None, limit=50
        )
        return found

    found: list[AuditEntryRow] = world.run(world.db.write(read))
    return [one for one in found if one.actor.kind == "user" and one.object_kind not in OWN_AFFAIRS]


OWN_AFFAIRS = ("session", "user", "invitation")


def invalid_fields(text: str) -> list[str | None]:
    """The ids of the fields that a page marks as wrong."""
    return [found["id"] for _, found in Tags(text).found if "aria-invalid" in found]


def said_at(text: str, field: str) -> str:
    """What a page says is wrong with a field; empty if nothing."""
    found = re.search(rf'id="{field}-wrong"[^>]*>(.*?)</p>', text, re.S)
    return "" if found is None else re.sub(r"<[^>]+>", "", found[1]).strip()
