"""Rows of deliveries, datasets, their attachments and response schemas."""

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
    """A named, frozen set of a dataset's tasks."""

    environment_id: str
    delivery_id: str
    dataset_key: int
    name: str
    delivered_ms: int
    task_count: int = 0
    turn_count: int = 0
    metadata: bytes | None = None
    """JSON object of the counts in an imported archive; None if they were counted here."""


class DatasetTaskRow(Struct, frozen=True):
    """One task of a dataset and the JSON of its response."""

    dataset_key: int
    seq: int
    task_id: str
    delivery_id: str
    delivered_ms: int
    response: bytes
    attachments: bytes | None = None
    """JSON list of pairs: the id in the response, and the attachment_id."""


class AttachmentRow(Struct, frozen=True):
    """An attachment without its bytes; `name` and `mime_type` are the uploader's, untrusted."""

    attachment_id: str
    environment_id: str
    name: str | None
    mime_type: str | None
    shown_as: str
    """Media type under which a browser may show it; empty if it is only downloaded."""
    size: int
    digest: bytes
    """SHA-256 of the bytes."""
    created_ms: int


class DeliverySchemaRow(Struct, frozen=True):
    """A JSON Schema of the responses of deliveries."""

    environment_id: str
    schema_id: str
    name: str
    json: bytes
    """The schema as its author sent it."""
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
    """Digest of a delivered task, and its digest in another delivery (None if not in it)."""

    position: int
    task_id: str
    digest: bytes
    other_digest: bytes | None


class VersionNow(Struct, frozen=True):
    """Comparison of a delivered task with its current state."""

    position: int
    task_id: str
    status: TaskStatus
    has_same_head: bool
    has_same_threads: bool

    @property
    def is_changed(self) -> bool:
        """True if the task differs from its delivered version."""
        return not (self.has_same_head and self.has_same_threads)


class DeliveryRun(Struct, frozen=True):
    """A delivery in the making; `run_no` is a fencing token, raised when another run takes over."""

    delivery: DeliveryRow
    run_no: int
