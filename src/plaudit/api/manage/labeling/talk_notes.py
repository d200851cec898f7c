"""Notes in the audit log of messages about a task: which task and with whom, and not what."""

from __future__ import annotations

from plaudit.api.http.operation import WriteContext
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease
from plaudit.store.tasks import tasks


async def note_talk(context: WriteContext, project: ProjectRow, lease: Lease) -> None:
    """Note that something was written or read about the task of an assignment, and whose it is."""
    task = await tasks.get_task(context.tx, lease.project_key, lease.seq)
    await context.note(
        "task",
        task.task_id,
        project_key=project.project_key,
        detail={"user_id": lease.user_id},
    )
