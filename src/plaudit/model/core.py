"""The nouns of the domain: statuses, roles, and the rows that travel between layers."""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum

from msgspec import Struct


class TaskStatus(StrEnum):
    """Task statuses as the wire spells them (one l in `canceled`)."""

    pending = "pending"
    completed = "completed"
    canceled = "canceled"
    error = "error"
    deleted = "deleted"

    @property
    def code(self) -> int:
        """Number of this status in the store."""
        return _TASK_STATUSES.index(self)

    @staticmethod
    def from_code(code: int) -> TaskStatus:
        """Status with this number in the store."""
        return _TASK_STATUSES[code]


_TASK_STATUSES = tuple(TaskStatus)
STORED_STATUSES = _TASK_STATUSES[:4]
"""Every status a stored task can have; `deleted` is accepted as a filter and never stored."""


class BatchStatus(StrEnum):
    """Batch statuses as the wire spells them (two l's in `cancelled`)."""

    staging = "staging"
    in_progress = "in_progress"
    completed = "completed"
    paused = "paused"
    cancelled = "cancelled"


class Role(IntEnum):
    """Role of an API key; each includes the ones before it."""

    read = 1
    write = 2
    admin = 3


class PersonRole(StrEnum):
    """What a person may do in the workspace; each includes the ones below it."""

    admin = "admin"
    manager = "manager"
    reviewer = "reviewer"
    annotator = "annotator"


class PersonStatus(StrEnum):
    """How a person stands with their organization. Nobody is ever deleted: work names them."""

    invited = "invited"
    active = "active"
    removed = "removed"


class Review(StrEnum):
    """Which answers of a project somebody looks at before they are delivered."""

    none = "none"
    sample = "sample"
    all = "all"


class Opts(IntFlag):
    """Opt-in details of a task, as bits; see docs/compatibility.md#opts."""

    annotation_details = 1
    attachment_details = 2
    model_parameters = 4
    submissions = 8


DEFAULT_OPTS = Opts.model_parameters
ALL_OPTS = Opts(15)


class LogMark(Struct, frozen=True):
    """A moment of the store: its epoch, and how far its log was written (bytes from its origin)."""

    epoch: int
    position: int


class Caller(Struct, frozen=True):
    """An authenticated caller of the API, in the live or test environment of its key."""

    environment_id: str
    key_id: str
    role: Role
    log_mark: LogMark = LogMark(0, 0)
    """Moment of the key's look-up, for replicas; the position is 0 without one."""


class Actor(Struct, frozen=True):
    """Author of a change in the audit log: kind is key, user, command (an operator's) or server."""

    kind: str
    id: str
    request_id: str = ""


SERVER = Actor("server", "server")
"""Author of automatic changes, such as the completion of a batch by its last task."""


class AuditEntryRow(Struct, frozen=True):
    """Entry of the audit log. `project_key` is 0 for an object outside projects, such as a key."""

    project_key: int
    entry_id: str
    environment_id: str
    at_ms: int
    actor: Actor
    action: str
    object_kind: str
    object_id: str
    detail: bytes
    """JSON object."""


class ApiKeyRow(Struct, frozen=True):
    """An API key without its text; `display` is its first 12 characters, to recognise it."""

    key_id: str
    environment_id: str
    name: str
    role: Role
    display: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None


class Person(Struct, frozen=True):
    """A user of an organization.

    `email` is what they sign in with, as given: an e-mail address, or a user name, which has no @.
    `email_key` of core/accounts compares two.
    """

    organization_id: str
    user_id: str
    email: str
    name: str | None
    role: PersonRole
    status: PersonStatus
    created_ms: int
    is_guest: bool = False
    """They see only the projects that they are a member of."""

    @property
    def user_name(self) -> str | None:
        """User name of somebody without an e-mail address; None for anybody else."""
        return None if "@" in self.email else self.email


class SignedIn(Struct, frozen=True):
    """A signed-in user; `environment_id` is the live environment of their organization."""

    environment_id: str
    organization_id: str
    user_id: str
    email: str
    name: str | None
    role: PersonRole
    """In the organization; on a page of one project, the one that holds there."""
    session_id: str
    seen_ms: int
    """Stored time of the session's last use; see core/accounts/sessions.py."""
    org_role: PersonRole
    """Role in the organization, on every page."""
    project_role: PersonRole | None
    """Role in the project of the request; None without access to it, and on other pages."""
    is_guest: bool
    """They see only the projects that they are a member of."""
    reach: PersonRole
    """Highest role that the user has anywhere, in the organization or in one project."""
    language: str = ""
    """Code of the language chosen for the account; empty where the browser's decides."""


class Session(Struct, frozen=True):
    """A browser session, without its token."""

    session_id: str
    agent: str
    """User-Agent header at sign-in; untrusted text."""
    created_ms: int
    seen_ms: int
    expires_ms: int


class Quota(Struct, frozen=True):
    """Rate limit: `amount` requests in `seconds` seconds."""

    amount: int
    seconds: int


class ProjectRow(Struct, frozen=True):
    """A project. `project_key` is the store's number, `project_id` what clients see."""

    project_key: int
    environment_id: str
    project_id: str
    name: str
    created_ms: int
    detail: bytes
    """JSON object: types, models, form, template, overlap, guidelines, review."""


class BatchRow(Struct, frozen=True):
    """A batch of one project, its ids unique in the organization."""

    environment_id: str
    batch_id: str
    project_key: int
    name: str
    status: BatchStatus
    created_ms: int
    completed_ms: int | None
    metadata: bytes
    """JSON object."""
    callback: str | None
    priority: int = 0


class StoredTask(Struct, frozen=True):
    """A task's row and the stored JSON of its response; see `wire/v2/render.py`."""

    project_key: int
    seq: int
    task_id: str
    batch_id: str | None
    status: TaskStatus
    created_ms: int
    completed_ms: int | None
    head: bytes
    body: bytes | None = None
    patches: bytes | None = None
    content: bytes | None = None
    unique_id: str | None = None
    callback_url: str | None = None


PageRow = tuple[int, int | None, str | None, bytes, bytes | None, bytes | None, int]
"""One task of a page: seq, completed_ms, batch_id, head, body, patches, and their bytes."""
