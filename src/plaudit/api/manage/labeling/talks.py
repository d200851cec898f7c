"""Messages about tasks under /manage/v1: what people and managers write to one another."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import Enum, IntRange, NoQuery
from plaudit.api.manage.common import NEXT_TOKEN, declare
from plaudit.api.manage.labeling.people import get_project, reviewer_of
from plaudit.api.manage.labeling.talk_notes import note_talk
from plaudit.api.openapi import examples_reviews as examples
from plaudit.core.managing import talks
from plaudit.model.core import ProjectRow, Role
from plaudit.model.managing import Talk, TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import task_summaries
from plaudit.wire.manage.talks import (
    ListedTalkOnTask,
    MessageOfTalk,
    ReadMessages,
    TalkPage,
    TalkWithMessages,
    WriteMessage,
)
from plaudit.wire.v2.resources import project_detail

_LIMIT = IntRange(
    description="How many to return at the most.",
    least=1,
    most=talks.PAGE_MAX,
    default=talks.PAGE_MAX,
)
TALKS = "/projects/{project_id}/talks"
TALK = f"{TALKS}/{{assignment_id}}"


class TalksShown(StrEnum):
    """Talks that a list is narrowed to."""

    unread = "unread"


class ListTalks(Struct, frozen=True, kw_only=True):
    """Query of GET …/talks."""

    only: Annotated[
        TalksShown | None,
        Enum(words=TalksShown, description="Only talks with a message that no manager has read."),
    ] = None
    limit: Annotated[int, _LIMIT] = talks.PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def list_talks(call: Call[ListTalks]) -> TalkPage:
    """GET …/talks: talks of a project, the latest first."""
    query = call.query
    async with call.services.db.read() as tx:
        project = await get_project(call, tx)
        listed, token = await talks.list_page(
            tx,
            call.services.secret,
            project,
            is_unread=query.only is TalksShown.unread,
            next_token=query.next_token,
            limit=query.limit,
        )
        named = await _members(tx, project, [one.talk for one in listed])
    return TalkPage(
        talks=[
            ListedTalkOnTask(last_text=one.text, **members)
            for one, members in zip(listed, named, strict=True)
        ],
        next_token=token,
    )


async def get_talk(call: Call[NoQuery]) -> TalkWithMessages:
    """GET …/talks/{assignment_id}: the messages with one person about one task."""
    async with call.services.db.read() as tx:
        return await _read(tx, await get_project(call, tx), call.path["assignment_id"])


async def write_message(
    call: Call[NoQuery], body: WriteMessage, context: WriteContext
) -> TalkWithMessages:
    """POST …/talks/{assignment_id}/messages: write to the person."""
    tx, assignment_id = context.tx, call.path["assignment_id"]
    project = await get_project(call, tx)
    author_id = await reviewer_of(call, tx, project, body.author_id, "/author_id")
    lease = await talks.write(
        tx, project, assignment_id, TalkSide.staff, author_id, text=body.text, seen=body.seen
    )
    await note_talk(context, project, lease)
    return await _read(tx, project, assignment_id)


async def read_messages(
    call: Call[NoQuery], body: ReadMessages, context: WriteContext
) -> TalkWithMessages:
    """POST …/talks/{assignment_id}/read: say that messages were read."""
    tx, assignment_id = context.tx, call.path["assignment_id"]
    project = await get_project(call, tx)
    lease = await talks.mark_read(tx, project, assignment_id, TalkSide.staff, until=body.until)
    await note_talk(context, project, lease)
    return await _read(tx, project, assignment_id)


async def _read(tx: Transaction, project: ProjectRow, assignment_id: str) -> TalkWithMessages:
    shown = await talks.get_talk(tx, project, assignment_id)
    [members] = await _members(tx, project, [shown.talk])
    names_people = not project_detail(project).pseudonyms
    return TalkWithMessages(
        messages=[
            MessageOfTalk(
                number=one.number,
                by="staff" if one.is_staff else "person",
                user_id=one.user_id if one.is_staff or names_people else None,
                text=one.text,
                created_at=clock.format_ms(one.created_ms),
            )
            for one in shown.messages
        ],
        **members,
    )


async def _members(
    tx: Transaction, project: ProjectRow, listed: Sequence[Talk]
) -> list[dict[str, Any]]:
    """Members of each talk on the wire; of a check in disguise without the id of its task."""
    key = project.project_key
    seqs = sorted({talk.seq for talk in listed if talk.task_key == key})
    rows = await task_summaries.list_present(tx, key, seqs)
    task_ids = {(key, row.seq): row.task_id for row in rows}
    excerpts = await talks.list_excerpts_of(tx, project, listed)
    names_people = not project_detail(project).pseudonyms
    return [
        {
            "assignment_id": talk.assignment_id,
            "task_id": task_ids.get((talk.task_key, talk.seq)),
            "is_control": talk.task_key != key,
            "user_id": talk.user_id if names_people else None,
            "excerpt": excerpts.get(talk.assignment_id, ""),
            "message_count": talk.message_count,
            "last_at": clock.format_ms(talk.last_ms) if talk.message_count else None,
            "is_unread": talk.is_unread(TalkSide.staff),
            "is_unread_by_person": talk.is_unread(TalkSide.person),
        }
        for talk in listed
    ]


OPERATIONS = (
    declare(
        "list_talks",
        "GET",
        TALKS,
        role=Role.read,
        handler=list_talks,
        query=ListTalks,
        summary="List messages about tasks",
        description="A talk is what one person and the managers of the project write to one "
        "another about one task; those come first in which somebody wrote last.",
        answer=TalkPage,
        answer_description="One page of talks.",
        example=examples.TALK_PAGE,
        errors=(404,),
    ),
    declare(
        "get_talk",
        "GET",
        TALK,
        role=Role.read,
        handler=get_talk,
        summary="Get the messages with one person",
        description="About the task of an assignment; empty where nobody has written. Nothing "
        "counts as read by that.",
        answer=TalkWithMessages,
        answer_description="The talk.",
        example=examples.TALK_READ,
        errors=(404,),
    ),
    declare(
        "write_message",
        "POST",
        f"{TALK}/messages",
        role=Role.write,
        handler=write_message,
        body=WriteMessage,
        body_limit=NOTE_BODY,
        summary="Write to a person about a task",
        description="They see it on the task, in the queue and on Home. 403 if `author_id` may "
        "not review the project; 409 once a talk has 100 messages.",
        answer=TalkWithMessages,
        answer_description="The talk.",
        example=examples.TALK_READ,
        body_example={"text": "The later date.", "seen": 1},
        errors=(403, 404, 409),
    ),
    declare(
        "read_messages",
        "POST",
        f"{TALK}/read",
        role=Role.write,
        handler=read_messages,
        body=ReadMessages,
        summary="Mark messages as read",
        description="For all managers and reviewers of the project.",
        answer=TalkWithMessages,
        answer_description="The talk.",
        example=examples.TALK_READ,
        body_example={"until": 1},
        errors=(404,),
    ),
)
