"""Requests and answers of the management API. Requests with unknown members are refused."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType

from plaudit import clock
from plaudit.model import core
from plaudit.model.core import PersonRole, PersonStatus, Review
from plaudit.model.quality_control import GoldSettings, QualificationSettings, RepeatSettings
from plaudit.wire.v2.resources import AdaptiveOverlap, project_detail
from plaudit.wire.v2.task import ErrorDetail, Thread

KeyRole = Literal["read", "write", "admin"]


class ManagedProject(Struct, omit_defaults=True, kw_only=True):
    """A project with everything that is set for it."""

    id: str
    name: str
    created_at: str
    types: list[str] | None = None
    models: list[str] | None = None
    form: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    overlap: int | None = None
    judges: AdaptiveOverlap | None = None
    guidelines: str | None = None
    review: Review | None = None
    review_percent: int | None = None
    lease_seconds: int | None = None
    blind: bool | None = None
    pseudonyms: bool | None = None
    self_review: bool | None = None
    import_mapping: dict[str, Any] | None = None
    rules: list[dict[str, Any]] | None = None
    qualification: QualificationSettings | None = None
    gold: GoldSettings | None = None
    repeats: RepeatSettings | None = None


class ManagedImport(Struct, omit_defaults=True, kw_only=True):
    """An import of a file: its state, how many rows came to what, and remarks on rows.

    `tasks` are the first tasks of a dry run.
    """

    id: str
    file: str
    format: str
    state: Literal["running", "done", "failed", "broken", "cancelled"]
    phase: str
    counts: dict[str, int]
    notes: list[str]
    result: str = ""
    reason: str = ""
    started_at: str
    ended_at: str | None = None
    tasks: list[dict[str, Any]] | None = None


class ImportReject(Struct):
    """A row that an import refused: its file, line, JSON pointer and the reason."""

    file: str
    line: int
    pointer: str
    message: str


class TaskRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """One line of an upload: a task to create. Null means absent."""

    task_id: str | None = None
    unique_id: str | None = None
    batch_id: str | None = None
    batch_name: str | None = None
    metadata: dict[str, Any] | None = None
    callback_url: str | None = None
    content: list[Thread] | None = None
    template_variables: dict[str, Any] | None = None


class RowResult(Struct, omit_defaults=True, kw_only=True):
    """What became of one line; `task_id` is also the task that stands in its way."""

    line: int
    outcome: Literal["created", "unchanged", "rejected"]
    task_id: str | None = None
    error: str | None = None
    pointer: str | None = None


class UploadResult(Struct, kw_only=True):
    """What became of an upload, in all and line by line."""

    created: int
    unchanged: int
    rejected: int
    results: list[RowResult]


class Partition(Struct):
    """A part of an export that can be read on its own, and its number of tasks when planned."""

    token: str
    tasks: int


class TaskContent(Struct, kw_only=True):
    """A task's prepared conversation; empty if it has none."""

    task_id: str
    content: list[Thread]


class Nothing(Struct, forbid_unknown_fields=True):
    """A body without members; it may be left out."""


class CompleteTask(Struct, forbid_unknown_fields=True, kw_only=True):
    """The threads that a task is delivered with."""

    threads: list[Thread]


class FailTask(Struct, forbid_unknown_fields=True, kw_only=True):
    """Why a task cannot be done."""

    errors: list[ErrorDetail]


class User(Struct, omit_defaults=True, kw_only=True):
    """A person of the organization."""

    user_id: str
    email: str | None = None
    user_name: str | None = None
    name: str | None = None
    role: PersonRole
    guest: bool = False
    status: PersonStatus
    created_at: str


class InvitedUser(User, omit_defaults=True, kw_only=True):
    """A user who may choose a password now. A repeated request gets the link no more."""

    invitation_link: str | UnsetType = UNSET


class UserPage(Struct, omit_defaults=True, kw_only=True):
    """One page of users, oldest first; `next_token` is present while more follow."""

    users: list[User]
    next_token: str | None = None


class CreateUser(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom to invite, as what."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"role": PersonRole}

    email: str | None = None
    role: PersonRole
    name: str | None = None
    user_name: str | None = None
    guest: bool = False


class ChangeUser(Struct, forbid_unknown_fields=True, kw_only=True):
    """What to change; what is absent stays as it is. A null takes the name away."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"role": PersonRole, "status": PersonStatus}

    name: str | UnsetType | None = UNSET
    role: PersonRole | UnsetType = UNSET
    status: PersonStatus | UnsetType = UNSET


class ApiKey(Struct, omit_defaults=True, kw_only=True):
    """An API key without its text; `begins` is enough of it to recognise it."""

    key_id: str
    name: str
    role: KeyRole
    begins: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None


class CreatedApiKey(ApiKey, omit_defaults=True, kw_only=True):
    """A new API key. `key` is its text, shown this once: a repeated request gets it no more."""

    key: str | UnsetType = UNSET


class ApiKeyPage(Struct, omit_defaults=True, kw_only=True):
    """One page of keys, oldest first; `next_token` is present while more follow."""

    keys: list[ApiKey]
    next_token: str | None = None


class CreateKey(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the key is for, what it may do, and until when."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"role": ("read", "write", "admin")}

    role: KeyRole
    name: str | None = None
    expires_at: str | None = None


class Acting(Struct, kw_only=True):
    """Who changed something: kind is key, user, command or server."""

    kind: str
    id: str


class AuditEntry(Struct, omit_defaults=True, kw_only=True):
    """One change: who, when, what. `action` is the operation's id, or what a command did."""

    entry_id: str
    created_at: str
    actor: Acting
    action: str
    object_kind: str
    object_id: str
    request_id: str | None = None
    detail: dict[str, Any] | None = None


class AuditPage(Struct, omit_defaults=True, kw_only=True):
    """One page of the audit log, newest first; `next_token` is present while more follow."""

    entries: list[AuditEntry]
    next_token: str | None = None


def project(row: core.ProjectRow) -> ManagedProject:
    """A stored project with everything that is set for it."""
    detail = project_detail(row)
    return ManagedProject(
        id=row.project_id,
        name=row.name,
        created_at=clock.format_ms(row.created_ms),
        **{name: getattr(detail, name) for name in detail.__struct_fields__},
    )


def user(row: core.Person) -> User:
    """A stored person as clients see them."""
    return User(**_user_fields(row))


def invited_user(row: core.Person, link: str) -> InvitedUser:
    """A stored person with the link of their invitation."""
    return InvitedUser(**_user_fields(row), invitation_link=link)


def _user_fields(row: core.Person) -> dict[str, Any]:
    return {
        "user_id": row.user_id,
        "email": row.email if row.user_name is None else None,
        "user_name": row.user_name,
        "name": row.name,
        "role": row.role,
        "guest": row.is_guest,
        "status": row.status,
        "created_at": clock.format_ms(row.created_ms),
    }


def api_key(row: core.ApiKeyRow) -> ApiKey:
    """A stored key as clients see it."""
    return ApiKey(**_key_fields(row))


def created_key(row: core.ApiKeyRow, text: str) -> CreatedApiKey:
    """A new key, with its text."""
    return CreatedApiKey(**_key_fields(row), key=text)


def _key_fields(row: core.ApiKeyRow) -> dict[str, Any]:
    def moment(ms: int | None) -> str | None:
        return None if ms is None else clock.format_ms(ms)

    return {
        "key_id": row.key_id,
        "name": row.name,
        "role": row.role.name,
        "begins": row.display,
        "created_at": moment(row.created_ms),
        "expires_at": moment(row.expires_ms),
        "revoked_at": moment(row.revoked_ms),
    }
