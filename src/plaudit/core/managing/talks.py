"""Talks: messages about one task between an annotator and the project's managers and reviewers.

A talk belongs to an assignment, so it concerns one person; control tasks have talks like others,
since nobody is to tell them apart. Reading is said, never assumed: a page that is looked at changes
nothing, and whoever answers has read what their page showed, not what came meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.blank_text import is_blank
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks import excerpts
from plaudit.errors import Conflict, InvalidContent, InvalidPageToken, NotFound
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease, control_key
from plaudit.model.managing import Talk, TalkMessage, TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases
from plaudit.store.managing import talks
from plaudit.store.managing.talks import ListedTalk
from plaudit.texts import N_

TEXT_CHARS_MAX = 2000
MESSAGES_MAX = 100
"""Messages of one talk; enough to settle what a task means, too few to store things in."""

PAGE_MAX = 50
COUNTED_MAX = 100
"""Counting of unread talks stops here."""

ON_TASK_MAX = 20
"""Talks about one task that its page shows."""


class TalkShown(Struct, frozen=True):
    """A talk with its messages, oldest first; `lease` is the person's assignment."""

    lease: Lease
    talk: Talk
    messages: Sequence[TalkMessage]

    @property
    def is_full(self) -> bool:
        """True once nothing more can be written."""
        return self.talk.message_count >= MESSAGES_MAX


class _TalksCursor(Struct, frozen=True, array_like=True, tag="talks"):
    """The last talk of a page, its project, and if the list is of unread ones alone."""

    project_id: str
    is_unread: bool
    last_ms: int
    assignment_id: str


async def get_talk(
    tx: Transaction, project: ProjectRow, assignment_id: str, *, user_id: str | None = None
) -> TalkShown:
    """The talk of an assignment, empty where nobody has written; of `user_id` alone if given.

    Raises NotFound.
    """
    lease = await _get_lease(tx, project, assignment_id, user_id)
    key = project.project_key
    talk = await talks.find_talk(tx, key, assignment_id)
    listed = await talks.list_messages(tx, key, [assignment_id], limit=MESSAGES_MAX)
    return TalkShown(lease, talk or _new_talk(project, lease), listed[assignment_id])


async def find_talk(tx: Transaction, project: ProjectRow, assignment_id: str) -> Talk | None:
    """The talk of an assignment, without its messages; None where nobody has written."""
    return await talks.find_talk(tx, project.project_key, assignment_id)


async def list_on_task(
    tx: Transaction, project: ProjectRow, held: Sequence[Lease]
) -> list[TalkShown]:
    """Talks of people who have or had one task, with their messages, those with any first."""
    if not held:
        return []
    key = project.project_key
    stored = await talks.list_talks_on(tx, key, held[0].project_key, held[0].seq, limit=ON_TASK_MAX)
    by_id = {talk.assignment_id: talk for talk in stored}
    messages = await talks.list_messages(tx, key, list(by_id), limit=MESSAGES_MAX)
    return [
        TalkShown(lease, by_id[lease.assignment_id], messages[lease.assignment_id])
        for lease in held
        if lease.assignment_id in by_id
    ]


async def write(
    tx: Transaction,
    project: ProjectRow,
    assignment_id: str,
    side: TalkSide,
    author_id: str,
    *,
    text: str,
    seen: int,
) -> Lease:
    """Write a message for a side, which has read up to the message `seen`; return the assignment.

    The person writes about their own assignments alone. Raises NotFound, InvalidContent unless the
    text has 1 to TEXT_CHARS_MAX characters, or Conflict at MESSAGES_MAX.
    """
    if is_blank(text) or len(text.strip()) > TEXT_CHARS_MAX:
        raise InvalidContent(
            N_("write 1 to %(most)s characters", most=TEXT_CHARS_MAX), pointer="/text"
        )
    own_id = author_id if side is TalkSide.person else None
    lease = await _get_lease(tx, project, assignment_id, own_id)
    await talks.open_talk(tx, _new_talk(project, lease))
    number = await talks.insert_message(
        tx,
        project.project_key,
        assignment_id,
        side,
        user_id=author_id,
        text=text.strip(),
        now=await tx.now_ms(),
        most=MESSAGES_MAX,
        seen=seen,
    )
    if number is None:
        raise Conflict(N_("a task has at most %(most)s messages with a person", most=MESSAGES_MAX))
    return lease


async def mark_read(
    tx: Transaction,
    project: ProjectRow,
    assignment_id: str,
    side: TalkSide,
    *,
    until: int,
    user_id: str | None = None,
) -> Lease:
    """Note that a side has read up to the message `until`; return the assignment.

    Raises NotFound, also where the assignment is not that of `user_id`.
    """
    lease = await _get_lease(tx, project, assignment_id, user_id)
    await talks.mark_read(tx, project.project_key, assignment_id, side, until=until)
    return lease


async def list_page(
    tx: Transaction,
    secret: ServerSecret,
    project: ProjectRow,
    *,
    is_unread: bool,
    next_token: str | None,
    limit: int = PAGE_MAX,
) -> tuple[list[ListedTalk], str | None]:
    """List up to `limit` of a project's talks, latest first, and the next token, None at the end.

    With `is_unread` only those that no manager has read. Raises InvalidPageToken.
    """
    before = None
    if next_token is not None:
        cursor = page_tokens.decode(secret, project.environment_id, next_token, _TalksCursor)
        if cursor.project_id != project.project_id or (is_unread and not cursor.is_unread):
            raise InvalidPageToken
        is_unread, before = cursor.is_unread, (cursor.last_ms, cursor.assignment_id)
    listed = await talks.list_latest(
        tx, project.project_key, unread_by_staff=is_unread, before=before, limit=limit + 1
    )
    token = None
    if len(listed) > limit:
        listed.pop()
        last = listed[-1].talk
        cursor = _TalksCursor(project.project_id, is_unread, last.last_ms, last.assignment_id)
        token = page_tokens.encode(secret, project.environment_id, cursor)
    return listed, token


async def list_unread(
    tx: Transaction, project_keys: Sequence[int], user_id: str, *, limit: int
) -> list[Talk]:
    """Up to `limit` talks of each project with something for a person to read, latest first."""
    return await talks.list_unread_by_person(tx, project_keys, user_id, limit=limit)


async def count_unread(tx: Transaction, project_keys: Sequence[int]) -> dict[int, int]:
    """Number of talks that no manager has read, up to COUNTED_MAX, by project_key."""
    return await talks.count_unread_by_staff(tx, project_keys, most=COUNTED_MAX)


async def list_excerpts_of(
    tx: Transaction, project: ProjectRow, listed: Sequence[Talk]
) -> dict[str, str]:
    """Beginnings of the prompts that talks are about, by assignment id."""
    found: dict[str, str] = {}
    for key in (project.project_key, control_key(project.project_key)):
        about = [talk for talk in listed if talk.task_key == key]
        if about:
            by_seq = await excerpts.list_excerpts(tx, key, sorted({talk.seq for talk in about}))
            found |= {one.assignment_id: by_seq[one.seq] for one in about if one.seq in by_seq}
    return found


async def _get_lease(
    tx: Transaction, project: ProjectRow, assignment_id: str, user_id: str | None
) -> Lease:
    for key in (project.project_key, control_key(project.project_key)):
        lease = await leases.find_assignment(tx, key, assignment_id)
        if lease is not None and user_id in (None, lease.user_id):
            return lease
    raise NotFound(N_("there is no such assignment"))


def _new_talk(project: ProjectRow, lease: Lease) -> Talk:
    return Talk(
        project.project_key, lease.assignment_id, lease.project_key, lease.seq, lease.user_id
    )
