"""Create projects and batches."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core import names
from plaudit.errors import Conflict, InvalidContent
from plaudit.model import Batch, BatchStatus, Project
from plaudit.store import batches, projects
from plaudit.store.engine import Transaction
from plaudit.wire.resources import ProjectDetail

_encode = msgspec.json.Encoder().encode


async def create_project(
    tx: Transaction,
    org_id: str,
    *,
    name: str,
    public_id: str | None = None,
    created_ms: int | None = None,
    detail: ProjectDetail | None = None,
) -> Project:
    """Add a project; raises Conflict if this world has one of that id or name."""
    name_key = names.checked(name)
    if public_id is not None and not ids.is_usable(public_id):
        raise InvalidContent("an id has 1 to 255 characters, no control characters", pointer="/id")
    project = Project(
        project_id=ids.storage_key(),
        org_id=org_id,
        public_id=public_id or ids.mint("project"),
        name=name,
        created_ms=clock.now_ms() if created_ms is None else created_ms,
        detail=_encode(detail or ProjectDetail()),
    )
    if not await projects.insert_project(tx, project, name_key):
        raise Conflict(f"there is a project named {name!r} already (or of that id)")
    return project


async def create_batch(
    tx: Transaction,
    project: Project,
    *,
    name: str,
    batch_id: str | None = None,
    status: BatchStatus = BatchStatus.in_progress,
    created_ms: int | None = None,
    completed_ms: int | None = None,
    metadata: dict[str, Any] | None = None,
    callback: str | None = None,
) -> Batch:
    """Add a batch; raises Conflict if its id is taken, or its name within the project."""
    name_key = names.checked(name)
    if batch_id is not None and not ids.is_usable(batch_id):
        raise InvalidContent("an id has 1 to 255 characters, no control characters", pointer="/id")
    batch = Batch(
        org_id=project.org_id,
        batch_id=batch_id or ids.mint("batch"),
        project_id=project.project_id,
        name=name,
        status=status,
        created_ms=clock.now_ms() if created_ms is None else created_ms,
        completed_ms=completed_ms,
        metadata=_encode(metadata or {}),
        callback=callback,
    )
    if not await batches.insert_batch(tx, batch, name_key):
        raise Conflict(f"there is a batch named {name!r} already (or of that id)")
    return batch
