"""Requests and answers about talks: messages about a task between a person and its managers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

_Number = Annotated[int, Meta(ge=0, le=100)]


class TalkOnTask(Struct, omit_defaults=True, kw_only=True):
    """A talk with the person of an assignment.

    `task_id` is absent for a check in disguise (`is_control`), and `user_id` in a project with
    pseudonyms. `is_unread` says that no manager has read the last message of the person.
    """

    assignment_id: str
    task_id: str | None = None
    is_control: bool = False
    user_id: str | None = None
    excerpt: str
    message_count: int
    last_at: str | None = None
    is_unread: bool
    is_unread_by_person: bool


class ListedTalkOnTask(TalkOnTask, omit_defaults=True, kw_only=True):
    """A talk of a list, with the text of its last message."""

    last_text: str


class TalkPage(Struct, omit_defaults=True, kw_only=True):
    """A page of talks, those first in which somebody wrote last."""

    talks: list[ListedTalkOnTask]
    next_token: str | None = None


class MessageOfTalk(Struct, omit_defaults=True, kw_only=True):
    """A message, by the person or by the managers' side; `user_id` is who wrote it, also a key."""

    number: int
    by: Literal["person", "staff"]
    user_id: str | None = None
    text: str
    created_at: str


class TalkWithMessages(TalkOnTask, omit_defaults=True, kw_only=True):
    """A talk with its messages, the first one first."""

    messages: list[MessageOfTalk]


class WriteMessage(Struct, forbid_unknown_fields=True, kw_only=True):
    """Write to the person of an assignment, having read up to the message `seen`.

    `author_id` is the person who writes, a reviewer or manager of the project; without one it is
    the key.
    """

    text: str
    seen: _Number = 0
    author_id: str | None = None


class ReadMessages(Struct, forbid_unknown_fields=True, kw_only=True):
    """Say that the managers have read up to the message `until`."""

    until: _Number
