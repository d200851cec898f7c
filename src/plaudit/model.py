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
        """The small number that stands for this status in the store."""
        return _TASK_STATUSES.index(self)

    @staticmethod
    def from_code(code: int) -> TaskStatus:
        """The status that a stored number stands for."""
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
    """What an API key may do; each role includes the ones before it."""

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
    """The opt-in details of contract 1.6, as bits, in the order of the official client."""

    annotation_details = 1
    attachment_details = 2
    model_parameters = 4
    submissions = 8


DEFAULT_OPTS = Opts.model_parameters
ALL_OPTS = Opts(15)


class Outcome(StrEnum):
    """What became of one attempt to send something, in words fit for customers to read."""

    ok = "ok"
    bad_url = "bad_url"
    refused_address = "refused_address"
    dns_failed = "dns_failed"
    connect_failed = "connect_failed"
    connect_timeout = "connect_timeout"
    tls_failed = "tls_failed"
    timeout = "timeout"
    reset = "reset"
    protocol_error = "protocol_error"
    status = "status"
    """The other side answered, and its answer was no."""
    mail_off = "mail_off"
    """It would have to be mail, and the server has no PLAUDIT_SMTP_URL."""
    endpoint_disabled = "endpoint_disabled"
    endpoint_deleted = "endpoint_deleted"


class AttemptResult(Struct, frozen=True, kw_only=True):
    """One attempt, without a word of what the other side wrote."""

    outcome: Outcome
    status: int | None = None
    """HTTP status, or code of the mail server's reply; None if it did not come to that."""
    duration_ms: int
    byte_count: int = 0
    """How much of the answer's body was read before it was thrown away."""
    retry_after_s: int | None = None
    """How long the other side asked us to wait; bounded, None if it did not say."""


class Caller(Struct, frozen=True):
    """Whoever is asking, after authentication. `org_id` names one world (live or test)."""

    org_id: str
    key_id: str
    role: Role


class Actor(Struct, frozen=True):
    """Who changes something: kind is key, user, command (an operator's) or server."""

    kind: str
    id: str
    request_id: str = ""


SERVER = Actor("server", "server")
"""What happens by itself, such as the completion of a batch by its last task."""


class AuditEntry(Struct, frozen=True):
    """One change, as the audit log keeps it. `project_id` is 0 for what no project holds."""

    project_id: int
    entry_id: str
    org_id: str
    at_ms: int
    actor: Actor
    action: str
    object_kind: str
    object_id: str
    detail: bytes
    """JSON object."""


class EventType(StrEnum):
    """What an organization can be told of."""

    task_created = "task.created"
    task_completed = "task.completed"
    task_canceled = "task.canceled"
    task_error = "task.error"
    batch_completed = "batch.completed"
    delivery_created = "delivery.created"
    ping = "ping"
    """A test that was asked for; nobody chooses it, and it goes to the one endpoint."""


CHOOSABLE = tuple(one for one in EventType if one is not EventType.ping)
"""The events that an endpoint can choose."""
EVERY_EVENT = "*"
"""Chosen instead of a list: all of them, those of later versions too."""


class NoticeState(StrEnum):
    """Whether a notice is to be sent (again), has arrived, or was given up."""

    waiting = "waiting"
    done = "done"
    dead = "dead"

    @property
    def code(self) -> int:
        """The small number that stands for this state in the store."""
        return NOTICE_STATES.index(self)


NOTICE_STATES = tuple(NoticeState)


class Event(Struct, frozen=True):
    """Something that happened; its id is the same in every attempt to tell of it."""

    project_id: int
    event_id: str
    org_id: str
    type: EventType
    created_ms: int
    payload: bytes
    """JSON object."""


class Notice(Struct, frozen=True):
    """One receiver of one event: an endpoint, or the callback of a task or batch (no endpoint)."""

    project_id: int
    notice_id: str
    org_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    queue: str
    created_ms: int


class StoredNotice(Struct, frozen=True):
    """A notice as it stands, with the type of its event."""

    project_id: int
    notice_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    state: NoticeState
    outcome: str | None
    created_ms: int
    next_ms: int
    attempt_count: int


class Attempt(Struct, frozen=True):
    """One try to tell a receiver, and how it went."""

    number: int
    at_ms: int
    outcome: str
    status: int | None
    duration_ms: int


class ApiKey(Struct, frozen=True):
    """An API key without its secret; `display` is its beginning, enough to recognise it."""

    key_id: str
    org_id: str
    name: str
    role: Role
    display: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None


class Person(Struct, frozen=True):
    """Somebody of an account. `email` is as it was given; two are the same by their key forms."""

    account_id: str
    user_id: str
    email: str
    name: str | None
    role: PersonRole
    status: PersonStatus
    created_ms: int


class Quota(Struct, frozen=True):
    """So many requests in so many seconds."""

    amount: int
    seconds: int


class Project(Struct, frozen=True):
    """A project. `project_id` is the store's number, `public_id` what clients see."""

    project_id: int
    org_id: str
    public_id: str
    name: str
    created_ms: int
    detail: bytes
    """JSON object: types, models, form, template, overlap, guidelines, review."""


class Batch(Struct, frozen=True):
    """A batch of one project, its ids unique in the organization."""

    org_id: str
    batch_id: str
    project_id: int
    name: str
    status: BatchStatus
    created_ms: int
    completed_ms: int | None
    metadata: bytes
    """JSON object."""
    callback: str | None


class StoredTask(Struct, frozen=True):
    """One task's row and the JSON it is answered with; see `wire.rendering`."""

    project_id: int
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


class Dataset(Struct, frozen=True):
    """A dataset. `dataset_key` is the store's number, `dataset_id` what clients see."""

    dataset_key: int
    org_id: str
    dataset_id: str
    name: str
    created_ms: int


class DatasetDelivery(Struct, frozen=True):
    """A named set of a dataset's tasks, frozen when it was made."""

    org_id: str
    delivery_id: str
    dataset_key: int
    name: str
    delivered_ms: int
    task_count: int = 0
    turn_count: int = 0
    metadata: bytes | None = None
    """JSON object of the counts as an archive gave them; None where they were counted here."""


class DatasetTask(Struct, frozen=True):
    """One task of a dataset and the JSON of its response."""

    dataset_key: int
    seq: int
    task_id: str
    delivery_id: str
    delivered_ms: int
    response: bytes
    attachments: bytes | None = None
    """JSON list of pairs: the id that clients use, and the attachment's own."""


class Attachment(Struct, frozen=True):
    """A file without its bytes. Its name and type are what the uploader said, and never trusted."""

    attachment_id: str
    org_id: str
    name: str | None
    mime_type: str | None
    shown_as: str
    """The media type under which a browser may show it; empty for what is only downloaded."""
    size: int
    digest: bytes
    """SHA-256 of the bytes."""
    created_ms: int


class DeliverySchema(Struct, frozen=True):
    """What the responses of a delivery look like."""

    org_id: str
    schema_id: str
    name: str
    json: bytes
    """A JSON Schema, as it was given."""
    created_by: str
    created_ms: int
    updated_by: str
    updated_ms: int


class Delivery(Struct, frozen=True):
    """A frozen set of completed tasks of one project; `begun_ms` names it inside that project.

    While it is being made it has no `delivered_ms` and no `manifest_hash`, and nobody sees it.
    """

    org_id: str
    delivery_id: str
    project_id: int
    begun_ms: int
    name: str
    delivered_ms: int | None
    task_count: int
    manifest_hash: bytes | None
    schema_id: str | None


class DeliveredRow(Struct, frozen=True):
    """A task and its latest delivery, or one certain delivery of it; None where there is none.

    `place` is the task's `seq`, or its position in the delivery. `body` and `patches` are those
    that were delivered.
    """

    place: int
    completed_ms: int | None
    task_id: str
    created_ms: int
    delivery_id: str | None
    delivered_ms: int | None
    schema_id: str | None
    body: bytes | None
    patches: bytes | None


class DeliveredVersion(Struct, frozen=True):
    """Which version of a task was delivered, and which in another delivery."""

    position: int
    task_id: str
    digest: bytes
    other_digest: bytes | None


class VersionNow(Struct, frozen=True):
    """How a delivered task stands today, beside how it was delivered."""

    position: int
    task_id: str
    status: TaskStatus
    has_same_head: bool
    has_same_threads: bool

    @property
    def is_changed(self) -> bool:
        return not (self.has_same_head and self.has_same_threads)


class DeliveryRun(Struct, frozen=True):
    """Who is making a delivery: the run of this number, until another one takes over."""

    delivery: Delivery
    run_no: int


PageRow = tuple[int, int | None, str | None, bytes, bytes | None, bytes | None]
"""One task of a page: seq, completed_ms, batch_id, head, body, patches."""
