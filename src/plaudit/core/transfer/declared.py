"""Stored projects and batches with the values that a line of an import declares."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.core.accounts import project_members
from plaudit.core.tasks.overlap import check_question
from plaudit.core.tasks.projects import checked_detail
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow
from plaudit.model.staffing import TaskQuota
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2 import resources
from plaudit.wire.v2.parse import moment
from plaudit.wire.v2.resources import ArchivedBatch, ArchivedProject, ProjectDetail

Access = tuple[bool, TaskQuota]
"""True where members alone see a project; and the quota of each person."""
OPEN: Access = (False, TaskQuota())
"""Access to a new project."""

_sorted = msgspec.json.Encoder(order="deterministic").encode
_DETAIL_FIELDS = ProjectDetail.__struct_fields__

STATUS_RANKS = {
    BatchStatus.staging: 0,
    BatchStatus.in_progress: 1,
    BatchStatus.paused: 1,
    BatchStatus.completed: 2,
    BatchStatus.cancelled: 2,
}
"""Order in which a batch moves: never to a lower one, save with --replace."""


def declared_detail(declared: ArchivedProject) -> ProjectDetail:
    """Settings of a declared project; raises InvalidContent for those that are not allowed."""
    detail = checked_detail(
        ProjectDetail(**{name: getattr(declared, name) for name in _DETAIL_FIELDS})
    )
    check_question(detail)
    return detail


def archived_project(row: ProjectRow, is_members_only: bool, quota: TaskQuota) -> dict[str, Any]:
    """A stored project as archives carry it, with who sees it and the quota of each person."""
    value = resources.archived_project(row)
    if is_members_only:
        value["members_only"] = True
    given = {"tasks_per_day": quota.per_day, "tasks_in_all": quota.in_all}
    return value | {name: most for name, most in given.items() if most is not None}


def wanted_access(declared: ArchivedProject, stored: Access) -> Access:
    """Access to a project, with the values that a declaration gives.

    Raises InvalidContent for a quota that is not allowed.
    """
    is_members_only, quota = stored
    wanted = TaskQuota(
        quota.per_day if declared.tasks_per_day is None else declared.tasks_per_day,
        quota.in_all if declared.tasks_in_all is None else declared.tasks_in_all,
    )
    project_members.check_quota(wanted)
    return (
        is_members_only if declared.members_only is None else declared.members_only,
        wanted,
    )


async def open_to(tx: Transaction, project: ProjectRow, before: Access, wanted: Access) -> None:
    """Set who sees a project and the quota of each person, where they are other than before."""
    if wanted != before:
        is_members_only, quota = wanted
        await project_members.set_access(tx, project, is_members_only=is_members_only, quota=quota)


def wanted_project(stored: ProjectRow, declared: ArchivedProject) -> ProjectRow:
    """A stored project with the values that a declaration gives; its settings are replaced.

    Raises InvalidContent.
    """
    created_ms = moment(declared.created_at, "/created_at")
    detail = msgspec.json.encode(declared_detail(declared))
    is_same_detail = _sorted(msgspec.json.decode(detail)) == _sorted(
        msgspec.json.decode(stored.detail)
    )
    return msgspec.structs.replace(
        stored,
        name=stored.name if declared.name is None else declared.name,
        created_ms=stored.created_ms if created_ms is None else created_ms,
        detail=stored.detail if is_same_detail else detail,
    )


def wanted_batch(stored: BatchRow, declared: ArchivedBatch, *, is_created_here: bool) -> BatchRow:
    """A stored batch with the values that a declaration gives; absent values stay.

    A status before the stored one comes from an older copy and is ignored, except for a batch
    `is_created_here`, whose status this import has made up.
    """
    created_ms = moment(declared.created_at, "/created_at")
    completed_ms = moment(declared.completed_at, "/completed_at")
    status = declared.status or stored.status
    is_older = STATUS_RANKS[status] < STATUS_RANKS[stored.status] and not is_created_here
    if is_older or (completed_ms is None and status is stored.status):
        completed_ms = stored.completed_ms
    is_same_metadata = declared.metadata is None or (
        _sorted(declared.metadata) == _sorted(msgspec.json.decode(stored.metadata))
    )
    return msgspec.structs.replace(
        stored,
        name=stored.name if declared.name is None else declared.name,
        status=stored.status if is_older else status,
        created_ms=stored.created_ms if created_ms is None else created_ms,
        completed_ms=completed_ms,
        metadata=stored.metadata if is_same_metadata else msgspec.json.encode(declared.metadata),
        callback=stored.callback if declared.callback is None else declared.callback,
        priority=stored.priority if declared.priority is None else declared.priority,
    )
