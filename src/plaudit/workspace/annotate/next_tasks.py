"""Next tasks, drawn ahead: the texts of a task are rendered before somebody takes it.

Nothing is leased, so anybody may take the task meanwhile: it is drawn for them too, by the cache
that all of a process share. Whoever then gets another task has it rendered when they open it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec

from plaudit.core.labeling.questions import random_order
from plaudit.core.quality_control import assigning
from plaudit.core.tasks.forms import form_of
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.store.tasks import tasks
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.files import read_conversation
from plaudit.workspace.annotate.portions import Plan
from plaudit.workspace.http.page import PageRequest
from plaudit.workspace.render.text_batch import TextBatch

DRAWN_MAX = 2
"""Tasks that are drawn for one page: the next one of the queue and, where there is gold, one of it.
Were gold not drawn as well, the time that its page takes would tell it from other tasks."""

_decode_content = msgspec.json.Decoder(list[Thread]).decode


def begin(request: PageRequest[Any], project: ProjectRow) -> None:
    """Begin to draw what the person is likely to be given next."""
    later, ahead = request.later(), request.services.ahead

    async def work() -> None:
        async with later.db.read(snapshot=False) as tx:
            likely = await assigning.list_likely(tx, project, later.user.user_id)
            fresh = islice((one for one in likely if ahead.is_first(one)), DRAWN_MAX)
            found = [await tasks.find_task_at(tx, *one) for one in fresh]
        for task in found:
            if task is not None:
                await _draw(later, project, task)

    ahead.begin(work)


async def _draw(request: PageRequest[Any], project: ProjectRow, task: StoredTask) -> None:
    """Have the texts of a task's first turns rendered, and kept."""
    content, files = await read_conversation(
        request, lambda: _decode_content(task.content or b"[]")
    )
    detail = project_detail(project)

    def layout(texts: TextBatch) -> None:
        annotation_view.build(
            form_of(detail),
            content,
            random_order(content),  # each text is kept by itself, so any order will do
            texts=texts,
            is_blind=detail.blind is not False,
            files=files,
            choose=Plan.first_portion,
        )

    await request.build(layout)
