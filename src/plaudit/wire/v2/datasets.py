"""Datasets, their deliveries and tasks, and the schemas of deliveries, as v2 shows them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.model import deliveries as model_deliveries

_encode = msgspec.json.Encoder().encode


class Dataset(Struct, kw_only=True):
    """A collection of finished tasks that grows delivery by delivery."""

    id: str
    name: str


class DatasetList(Struct, kw_only=True):
    """All datasets, oldest first."""

    datasets: list[Dataset]


class DatasetDeliveryMetadata(Struct, omit_defaults=True, kw_only=True):
    """How much is in a delivery."""

    task_count: int | None = None
    turn_count: int | None = None


class DatasetDelivery(Struct, omit_defaults=True, kw_only=True):
    """What was added to a dataset at one time, under a name that is unique in the dataset."""

    id: str
    name: str
    delivered_at: str
    metadata: DatasetDeliveryMetadata
    dataset: str | Dataset | None = None


class DatasetDeliveryList(Struct, kw_only=True):
    """Deliveries in the order of their time."""

    deliveries: list[DatasetDelivery]


class DatasetTask(Struct, kw_only=True):
    """One finished task of a dataset; what its response holds is the dataset's own matter."""

    task_id: str
    dataset: str | Dataset
    delivery: str | DatasetDelivery
    response: dict[str, Any]


class DatasetTaskPage(Struct, omit_defaults=True, kw_only=True):
    """One page of a dataset's tasks; `next_token` is present while more follow."""

    tasks: list[DatasetTask]
    next_token: str | None = None


class DatasetDeliveryPage(Struct, omit_defaults=True, kw_only=True):
    """A delivery, and one page of its tasks."""

    delivery: DatasetDelivery
    tasks: list[DatasetTask]
    next_token: str | None = None


class DeliverySchema(Struct, kw_only=True, rename="camel"):
    """What the responses of a delivery look like. `json` is a JSON Schema, as text."""

    id: str
    name: str
    created_by: str
    created_at: str
    updated_by: str
    updated_at: str
    json: str


class SchemaAnswer(Struct, kw_only=True):
    """What GET /v2/schema answers."""

    schema: DeliverySchema


class ArchivedDataset(Struct, omit_defaults=True, kw_only=True):
    """A dataset as imports and archives carry it."""

    id: str
    name: str | None = None
    created_at: str | None = None


class ArchivedDatasetDelivery(Struct, omit_defaults=True, kw_only=True):
    """A delivery of a dataset as imports and archives carry it."""

    id: str
    name: str | None = None
    dataset: str | ArchivedDataset
    delivered_at: str | None = None
    metadata: DatasetDeliveryMetadata | None = None


class ArchivedAttachment(Struct, omit_defaults=True, kw_only=True):
    """A file of a dataset's task as imports and archives carry it.

    `content` is base64, or `upload` the id of an attachment that came before it in a line of its
    own, with name and media type.
    """

    id: str
    name: str | None = None
    mime_type: str | None = None
    content: str | None = None
    upload: str | None = None


class ArchivedDatasetTask(Struct, omit_defaults=True, kw_only=True):
    """A task of a dataset as imports and archives carry it."""

    task_id: str
    dataset: str | ArchivedDataset
    delivery: str | ArchivedDatasetDelivery
    response: dict[str, Any]
    attachments: list[ArchivedAttachment] | None = None


class ArchivedSchema(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    """A schema as imports and archives carry it."""

    id: str
    name: str
    json: str
    created_by: str = ""
    created_at: str | None = None
    updated_by: str | None = None
    updated_at: str | None = None


def dataset(row: model_deliveries.DatasetRow) -> Dataset:
    """A stored dataset as clients see it."""
    return Dataset(id=row.dataset_id, name=row.name)


def delivery(row: model_deliveries.DatasetDeliveryRow, dataset: str | Dataset) -> DatasetDelivery:
    """A stored delivery as clients see it, with its dataset as an id or expanded."""
    if row.metadata is None:
        metadata = DatasetDeliveryMetadata(task_count=row.task_count, turn_count=row.turn_count)
    else:
        metadata = msgspec.json.decode(row.metadata, type=DatasetDeliveryMetadata)
    return DatasetDelivery(
        id=row.delivery_id,
        name=row.name,
        delivered_at=clock.format_ms(row.delivered_ms),
        metadata=metadata,
        dataset=dataset,
    )


def task(row: model_deliveries.DatasetTaskRow, dataset_json: bytes, delivery_json: bytes) -> bytes:
    """JSON of a stored task; dataset and delivery are given as JSON."""
    return b'{"task_id":%b,"dataset":%b,"delivery":%b,"response":%b}' % (
        _encode(row.task_id),
        dataset_json,
        delivery_json,
        row.response,
    )


def schema(row: model_deliveries.DeliverySchemaRow) -> DeliverySchema:
    """A stored schema as clients see it."""
    return DeliverySchema(
        id=row.schema_id,
        name=row.name,
        created_by=row.created_by,
        created_at=clock.format_ms(row.created_ms),
        updated_by=row.updated_by,
        updated_at=clock.format_ms(row.updated_ms),
        json=row.json.decode(),
    )


def turn_count(response: dict[str, Any]) -> int:
    """Number of turns in a response; 0 if it has no threads in the shape of tasks."""
    threads = response.get("threads")
    if not isinstance(threads, list):
        return 0
    turn_lists = [thread.get("turns") for thread in threads if isinstance(thread, dict)]
    return sum(len(turns) for turns in turn_lists if isinstance(turns, list))
