"""What is handed over: deliveries, datasets, their files and schemas."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import TaskStatus


class DatasetRow(Struct, frozen=True):
    """A dataset. `dataset_key` is the store's number, `dataset_id` what clients see."""

    dataset_key: int
    environment_id: str
    dataset_id: str
    name: str
    created_ms: int


class DatasetDeliveryRow(Struct, frozen=True):
    """A named set of a dataset's tasks, frozen when it was made."""

    environment_id: str
    delivery_id: str
    dataset_key: int
    name: str
    delivered_ms: int
    task_count: int = 0
    turn_count: int = 0
    metadata: bytes | None = None
    """JSON object of the counts as an archive gave them; None where they were counted here."""


class DatasetTaskRow(Struct, frozen=True):
    """One task of a dataset and the JSON of its response."""

    dataset_key: int
    seq: int
    task_id: str
    delivery_id: str
    delivered_ms: int
    response: bytes
    attachments: bytes | None = None
    """JSON list of pairs: the id that clients use, and the attachment's own."""


class AttachmentRow(Struct, frozen=True):
    """A file without its bytes. Its name and type are what the uploader said, and never trusted."""

    attachment_id: str
    environment_id: str
    name: str | None
    mime_type: str | None
    shown_as: str
    """The media type under which a browser may show it; empty for what is only downloaded."""
    size: int
    digest: bytes
    """SHA-256 of the bytes."""
    created_ms: int


class DeliverySchemaRow(Struct, frozen=True):
    """What the responses of a delivery look like."""

    environment_id: str
    schema_id: str
    name: str
    json: bytes
    """A JSON Schema, as it was given."""
    created_by: str
    created_ms: int
    updated_by: str
    updated_ms: int


class DeliveryRow(Struct, frozen=True):
    """A frozen set of completed tasks of one project; `delivery_seq` names it inside that project.

    While it is being made it has no `delivered_ms` and no `manifest_hash`, and nobody sees it.
    """

    environment_id: str
    delivery_id: str
    project_key: int
    delivery_seq: int
    name: str
    delivered_ms: int | None
    task_count: int
    manifest_hash: bytes | None
    schema_id: str | None


class DeliveredRow(Struct, frozen=True):
    """A task and its latest delivery, or one certain delivery of it; None where there is none.

    `ordinal` is the task's `seq`, or its position in the delivery. `body` and `patches` are those
    that were delivered.
    """

    ordinal: int
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

    delivery: DeliveryRow
    run_no: int
