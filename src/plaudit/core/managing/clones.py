"""Clones of projects: what is set for one, without its tasks and what people answered.

Parts are chosen. Closed to all but members stays closed whatever is chosen: a copy is never open to
people who do not see the original. Study links are secrets of one project, and are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import msgspec

from plaudit import ids
from plaudit.core.managing.saved_views import VIEWS_MAX
from plaudit.core.quality_control import control_tasks
from plaudit.core.tasks import projects
from plaudit.core.tasks.form_version import form_with_version
from plaudit.errors import InvalidContent, LimitReached
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import control_key
from plaudit.model.staffing import TaskQuota
from plaudit.store.accounts import project_members
from plaudit.store.engine.engine import Transaction
from plaudit.store.managing import changed_tasks, saved_views
from plaudit.store.quality_control import gold
from plaudit.store.tasks import tasks
from plaudit.texts import N_
from plaudit.wire.v2.resources import ProjectDetail, project_detail

GOLD_MAX = 500
"""Gold tasks that a clone takes along."""
GOLD_BYTES_MAX = 16 * 1024 * 1024


class ClonePart(StrEnum):
    """Part of a project that a clone may take along."""

    questions = "questions"
    guidelines = "guidelines"
    conversation = "conversation"
    """The opening conversation, and how imports of tables are read."""
    work = "work"
    """Number of people per task, review, time limits, and who is named."""
    quality = "quality"
    """Rules, the test, and how often gold and repeats are given; not the gold tasks."""
    members = "members"
    """People and teams with their roles and quotas."""
    views = "views"
    """Saved lists of tasks."""
    gold = "gold"
    """Gold tasks with their expected answers; only together with the questions."""


USUAL = frozenset(ClonePart) - {ClonePart.gold}
"""Parts that a page proposes."""

FIELDS = {
    ClonePart.questions: ("types", "models", "form", "judges"),
    ClonePart.guidelines: ("guidelines",),
    ClonePart.conversation: ("template", "import_mapping"),
    ClonePart.work: (
        *("overlap", "review", "review_percent", "lease_seconds", "blind", "pseudonyms"),
        "self_review",
    ),
    ClonePart.quality: ("rules", "qualification", "gold", "repeats"),
}
"""Details of a project by the part that they belong to; each belongs to one."""


async def clone_project(
    tx: Transaction,
    project: ProjectRow,
    *,
    name: str,
    parts: Collection[ClonePart],
    project_id: str | None = None,
) -> ProjectRow:
    """Create a project with the chosen parts of another; return it.

    Raises InvalidContent for a name, an id, or gold without questions, Conflict where the
    organization has a project of that name or id, LimitReached for too much gold.
    """
    if ClonePart.gold in parts and ClonePart.questions not in parts:
        raise InvalidContent(N_("gold needs its questions; choose both or none"), pointer="/parts")
    detail = project_detail(project)
    chosen = {
        field: getattr(detail, field)
        for part, fields in FIELDS.items()
        if part in parts
        for field in fields
    }
    clone = await projects.create_project(
        tx,
        project.environment_id,
        name=name,
        project_id=project_id,
        detail=ProjectDetail(**chosen),
    )
    await _copy_access(tx, project, clone, with_members=ClonePart.members in parts)
    if ClonePart.views in parts:
        await _copy_views(tx, project, clone)
    if ClonePart.gold in parts:
        await _copy_gold(tx, project, clone)
    return clone


async def _copy_access(
    tx: Transaction, project: ProjectRow, clone: ProjectRow, *, with_members: bool
) -> None:
    is_members_only, quota = await project_members.find_access(tx, project.project_key)
    await project_members.set_access(
        tx,
        clone.project_key,
        is_members_only=is_members_only,
        quota=quota if with_members else TaskQuota(),
    )
    if with_members:
        await project_members.copy_members(
            tx, project.project_key, to_key=clone.project_key, now=await tx.now_ms()
        )


async def _copy_views(tx: Transaction, project: ProjectRow, clone: ProjectRow) -> None:
    """Copy saved lists; what a list says of a batch or a person of before finds nothing."""
    for view in await saved_views.list_views(tx, project.project_key, limit=VIEWS_MAX):
        own = msgspec.structs.replace(view, project_key=clone.project_key, view_id=ids.mint("view"))
        await saved_views.save_view(tx, own)


async def _copy_gold(tx: Transaction, project: ProjectRow, clone: ProjectRow) -> None:
    """Copy gold tasks in use as new ones that nobody has answered."""
    key = control_key(project.project_key)
    rows = await gold.list_gold(tx, key, after_seq=0, limit=GOLD_MAX + 1)
    seqs = [row.seq for row in rows]
    if len(rows) > GOLD_MAX or await _size(tx, key, seqs) > GOLD_BYTES_MAX:
        raise LimitReached(
            N_("a clone takes along up to %(most)s gold tasks of 16 MiB", most=GOLD_MAX)
        )
    if not rows:
        return
    contents = {task.seq: task.content or b"[]" for task in await tasks.get_tasks(tx, key, seqs)}
    created = await control_tasks.create(tx, clone, [contents[seq] for seq in seqs])
    _, version = form_with_version(clone.detail)
    await gold.insert_gold(
        tx,
        [
            msgspec.structs.replace(
                row,
                project_key=task.project_key,
                seq=task.seq,
                task_id=task.task_id,
                source_seq=None,
                form_version=version,
                created_ms=task.created_ms,
            )
            for row, task in zip(rows, created, strict=True)
        ],
    )


async def _size(tx: Transaction, key: int, seqs: list[int]) -> int:
    return await changed_tasks.sum_sizes(tx, key, seqs) if seqs else 0
