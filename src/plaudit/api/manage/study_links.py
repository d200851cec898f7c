"""Study links of a project under /manage/v1/projects/…/study_links."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Struct

from plaudit import clock
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.api.manage.users import base_url
from plaudit.core.accounts import study_links, users
from plaudit.core.accounts.study_links import NewStudyLink
from plaudit.core.common import page_tokens
from plaudit.core.quality_control.listing import get_project
from plaudit.errors import Forbidden, InvalidPageToken
from plaudit.model.core import ProjectRow, Role
from plaudit.model.staffing import StudyLinkRow
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage.resources import Nothing
from plaudit.wire.manage.staffing import (
    CreatedStudyLink,
    CreateStudyLink,
    StudyLink,
    StudyLinkPage,
)


class ListStudyLinks(Struct, frozen=True):
    """Query of GET …/study_links."""

    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


class _LinkCursor(Struct, frozen=True, array_like=True, tag="study links"):
    """The project, and the last link of a page."""

    project_key: int
    link_id: str


async def create_study_link(
    call: Call[NoQuery], body: CreateStudyLink, context: WriteContext
) -> CreatedStudyLink:
    """POST …/study_links: make a link; raises Forbidden for test keys, InvalidContent."""
    project = await _project(context.tx, call)
    if await users.find_live_organization(context.tx, context.environment_id) is None:
        raise Forbidden("people come to live data alone; a test key opens test data")
    wanted = NewStudyLink(
        name=body.name,
        tasks=body.tasks,
        people_max=body.people_max,
        days=body.days,
        completion_code=body.completion_code,
        completion_url=body.completion_url,
    )
    row, token = await study_links.create_link(context.tx, call.services.secret, project, wanted)
    await context.note("study_link", row.link_id, project_key=project.project_key)
    return CreatedStudyLink(**_fields(row), url=study_links.link_url(base_url(call), token))


async def list_study_links(call: Call[ListStudyLinks]) -> StudyLinkPage:
    """GET …/study_links: one page of links, newest first."""
    query, secret = call.query, call.services.secret
    async with call.services.db.read() as tx:
        project = await _project(tx, call)
        before = None
        if query.next_token is not None:
            cursor = page_tokens.decode(
                secret, project.environment_id, query.next_token, _LinkCursor
            )
            if cursor.project_key != project.project_key:
                raise InvalidPageToken
            before = cursor.link_id
        rows = await study_links.list_links(tx, project, before=before, limit=query.limit + 1)
    token = None
    if len(rows) > query.limit:
        last = _LinkCursor(project.project_key, rows[query.limit - 1].link_id)
        token = page_tokens.encode(secret, project.environment_id, last)
    shown = [StudyLink(**_fields(row)) for row in rows[: query.limit]]
    return StudyLinkPage(study_links=shown, next_token=token)


async def revoke_study_link(call: Call[NoQuery], body: Nothing, context: WriteContext) -> StudyLink:
    """POST …/study_links/{link_id}/revoke: end a link; raises NotFound, Conflict."""
    project = await _project(context.tx, call)
    row = await study_links.revoke(context.tx, project, call.path["link_id"])
    await context.note("study_link", row.link_id, project_key=project.project_key)
    return StudyLink(**_fields(row))


async def _project(tx: Transaction, call: Call[Any]) -> ProjectRow:
    return await get_project(tx, call.caller.environment_id, call.path["project_id"])


def _fields(row: StudyLinkRow) -> dict[str, Any]:
    return {
        "link_id": row.link_id,
        "name": row.name,
        "tasks": row.tasks_in_all,
        "completion_code": row.completion_code,
        "completion_url": row.completion_url,
        "people_max": row.people_max,
        "people": row.people_count,
        "created_at": clock.format_ms(row.created_ms),
        "expires_at": clock.format_ms(row.expires_ms),
        "revoked_at": None if row.ended_ms is None else clock.format_ms(row.ended_ms),
    }


def _without_url(answer: CreatedStudyLink) -> CreatedStudyLink:
    """Answer without the link, for storage under an Idempotency-Key."""
    return msgspec.structs.replace(answer, url=UNSET)


_LINK: dict[str, Any] = {
    "link_id": "study_0193e8c1b2a4f0e1d2c3b4a5968778ae",
    "name": "Pilot",
    "tasks": 10,
    "completion_code": "C0MPLETE",
    "completion_url": "https://app.prolific.com/submissions/complete?cc=C0MPLETE",
    "people_max": 50,
    "people": 0,
    "created_at": "2025-01-03T08:00:00.000Z",
    "expires_at": "2025-02-02T08:00:00.000Z",
}
_NEW = {
    name: _LINK[name]
    for name in ("name", "tasks", "completion_code", "completion_url", "people_max")
}
_URL = (
    "https://plaudit.example.com/study/kq7Zc0Yh2mXv9Tn4Lr1Wd8Sb6Gf3Pa5J"
    "?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
)
_LINKS = "/projects/{project_id}/study_links"

OPERATIONS = (
    declare(
        "create_study_link", "POST", _LINKS, role=Role.admin, handler=create_study_link,
        body=CreateStudyLink, kept=_without_url, summary="Make a study link",
        description="People of Prolific and the like open `url`, in which the service fills in "
        "its ids, and work without an account of their own: each does `tasks` tasks of this "
        "project, sees nothing else, and reads `completion_code` in the end, with a link to "
        "`completion_url`. At most `people_max` (100) people come by it, within `days` (30). "
        "Repeated under the same `Idempotency-Key`, the request is answered without `url`.",
        answer=CreatedStudyLink, answer_description="The link, with its `url`.",
        example=_LINK | {"url": _URL}, body_example=_NEW, errors=(404,),
    ),
    declare(
        "list_study_links", "GET", _LINKS, role=Role.admin, handler=list_study_links,
        query=ListStudyLinks, summary="List the study links of a project, newest first",
        answer=StudyLinkPage, answer_description="One page of links, without their URLs.",
        example={"study_links": [_LINK]}, errors=(404,),
    ),
    declare(
        "revoke_study_link", "POST", f"{_LINKS}/{{link_id}}/revoke", role=Role.admin,
        handler=revoke_study_link, body=Nothing, summary="Revoke a study link",
        description="Nobody comes in by it any more, and whoever came is signed out and gives "
        "back what they hold. Their submissions stay.",
        answer=StudyLink, answer_description="The link, revoked.",
        example=_LINK | {"revoked_at": "2025-01-04T08:00:00.000Z"}, body_example={},
        errors=(404,),
    ),
)  # fmt: skip
