"""Requests and answers of the management API for datasets and schemas."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.wire.v2.datasets import DatasetDelivery


class CreateDataset(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /manage/v1/datasets."""

    name: str


class NewAttachment(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file of a task: its bytes in base64, or the id of one that was uploaded before."""

    id: str | None = None
    name: str | None = None
    mime_type: str | None = None
    content: str | None = None
    upload: str | None = None


class NewDatasetTask(Struct, kw_only=True, forbid_unknown_fields=True):
    """A task to be delivered; without an id it gets one."""

    task_id: str | None = None
    response: dict[str, Any]
    attachments: list[NewAttachment] = []


class CreateDatasetDelivery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /manage/v1/datasets/{dataset_id}/deliveries."""

    name: str
    tasks: list[NewDatasetTask]


class DeliveredAttachment(Struct, omit_defaults=True, kw_only=True):
    """A file of a task that was delivered."""

    id: str
    name: str | None = None
    mime_type: str | None = None
    size: int


class DeliveredTask(Struct, kw_only=True):
    """A task that was delivered, without its response."""

    task_id: str
    attachments: list[DeliveredAttachment]


class CreatedDatasetDelivery(DatasetDelivery, kw_only=True):
    """What POST /manage/v1/datasets/{dataset_id}/deliveries answers."""

    tasks: list[DeliveredTask]


class CreateSchema(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /manage/v1/schemas. `json` is a JSON Schema, as an object or as its text."""

    name: str
    json: str | dict[str, Any]


class SchemaEntry(Struct, kw_only=True, rename="camel"):
    """A schema without its text."""

    id: str
    name: str
    created_by: str
    created_at: str
    updated_by: str
    updated_at: str


class SchemaList(Struct, kw_only=True):
    """All schemas, oldest first."""

    schemas: list[SchemaEntry]
