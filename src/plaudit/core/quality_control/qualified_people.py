"""Managers' side of qualification: settings of a project, and people who have begun, in pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.quality_control import qualification
from plaudit.core.tasks import projects
from plaudit.errors import Conflict, InvalidPageToken
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import control_key
from plaudit.model.quality_control import QualificationRow, QualificationSettings
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import qualifications
from plaudit.wire.manage.rules import Qualification, QualifiedPage, QualifiedPerson
from plaudit.wire.v2.resources import project_detail

COUNTED_MAX = 10_000


class _PersonCursor(Struct, frozen=True, array_like=True, tag="qualified"):
    """Content of a page token: the project, and the last person of the page before."""

    project_key: int
    after: str


async def get_qualification(tx: Transaction, project: ProjectRow) -> Qualification:
    """Settings of a project, and how many gold tasks there are for them."""
    settings, key = project_detail(project).qualification, control_key(project.project_key)
    counts = [
        await qualifications.count_gold(tx, key, is_training=one, limit_max=COUNTED_MAX)
        for one in (True, False)
    ]
    return Qualification(
        settings=None if settings is None else _shown(settings),
        training_tasks=counts[0],
        gold_tasks=counts[1],
    )


def _shown(settings: QualificationSettings) -> dict[str, Any]:
    return msgspec.structs.asdict(settings)


async def set_qualification(
    tx: Transaction, project: ProjectRow, wanted: QualificationSettings | None
) -> ProjectRow:
    """Replace the settings, whose round stays, or with None take them away; return the project.

    Raises InvalidContent.
    """

    def settings(before: QualificationSettings | None) -> QualificationSettings | None:
        if wanted is None or before is None:
            return wanted
        return msgspec.structs.replace(wanted, round=before.round)

    return await _change(tx, project, settings)


async def ask_again(tx: Transaction, project: ProjectRow) -> ProjectRow:
    """Have everybody begin anew; raises Conflict where the project asks for nothing."""

    def settings(before: QualificationSettings | None) -> QualificationSettings:
        if before is None:
            raise Conflict("this project has no test")
        return msgspec.structs.replace(before, round=before.round + 1)

    return await _change(tx, project, settings)


async def _change(
    tx: Transaction,
    project: ProjectRow,
    settings: Callable[[QualificationSettings | None], QualificationSettings | None],
) -> ProjectRow:
    """Change the settings to what follows from those of before, as they are under the lock."""
    before = project_detail(project).qualification
    while True:
        replaced, changed = await projects.change_project(
            tx, project.environment_id, project.project_id, {"qualification": settings(before)}
        )
        found = project_detail(replaced).qualification
        if found == before:
            return changed
        # Somebody changed them since they were read; the row is locked now.
        await projects.change_project(
            tx, project.environment_id, project.project_id, {"qualification": found}
        )
        before = found


async def people_page(
    tx: Transaction,
    secret: ServerSecret,
    project: ProjectRow,
    *,
    limit: int,
    next_token: str | None,
) -> QualifiedPage:
    """One page of people who have begun; raises InvalidPageToken."""
    after = ""
    if next_token is not None:
        cursor = page_tokens.decode(secret, project.environment_id, next_token, _PersonCursor)
        if cursor.project_key != project.project_key:
            raise InvalidPageToken
        after = cursor.after
    rows = await qualification.list_people(tx, project, after=after, limit=limit + 1)
    token = None
    if len(rows) > limit:
        cursor = _PersonCursor(project.project_key, rows[limit - 1].user_id)
        token = page_tokens.encode(secret, project.environment_id, cursor)
    return QualifiedPage(people=[_person(project, row) for row in rows[:limit]], next_token=token)


def _person(project: ProjectRow, row: QualificationRow) -> QualifiedPerson:
    settings = project_detail(project).qualification
    is_current = settings is not None and row.round == qualification.round_of(project, settings)
    return QualifiedPerson(
        user_id=row.user_id,
        state=row.state.value,
        trained=row.trained,
        attempt=row.attempt,
        right=row.right_cases,
        cases=row.cases,
        is_current=is_current,
        changed_at=clock.format_ms(row.changed_ms),
    )
