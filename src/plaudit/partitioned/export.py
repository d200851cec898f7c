"""An export that is read in partitions: planned at one place, each part read anywhere, as Arrow."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote

import msgspec
import pyarrow
import pyarrow.parquet
from msgspec import Struct

from plaudit.client.calls import managed_project_path
from plaudit.formats.exporting import containers
from plaudit.formats.exporting.export_format import (
    ExportContainer,
    ExportFormat,
    ExportParameters,
    OptionalColumns,
)
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.partitioned.transport import ExportTransport, ReadFailed

BATCH_ROWS = 1000
LINE = pyarrow.schema([("value", pyarrow.string())])
"""Schema of a format whose rows have no columns of their own: each is its line of JSON."""

FILTERS = ("status", "batch", "completed_after", "completed_before")
METADATA = "metadata"
OPTIONS = ExportParameters.__struct_fields__
_PLACE = ("url", "key", "project", "delivery", "format")


class PlannedPartition(Struct, frozen=True):
    """A partition: path of what it is of, its token, and its number of tasks when planned."""

    path: str
    token: str
    tasks: int


class PartitionedExport(Struct, frozen=True, kw_only=True):
    """An export of a project, or of a delivery, that is read in partitions.

    `project` is a name or an id, `delivery` an id, or with the project a name. Filters and options
    have the names and values of the query of the export. It can be sent to other machines.
    """

    url: str
    key: str
    format: str
    project: str | None = None
    delivery: str | None = None
    filters: dict[str, str] = {}
    metadata: tuple[str, ...] = ()
    """Conditions `KEY=VALUE` of the export, of which one for each key is met."""
    options: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"PartitionedExport(format={self.format!r}, project={self.project!r})"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> PartitionedExport:
        """Export of options by their names; raises ReadFailed for a wrong one, or one missing.

        Values are texts; `metadata` may also be a list of them, or the JSON of one.
        """
        known = {*_PLACE, *FILTERS, METADATA, *OPTIONS}
        unknown = sorted(options.keys() - known)
        if unknown:
            raise ReadFailed(f"there is no option {unknown[0]}; there are {', '.join(known)}")
        for name in ("url", "key", "format"):
            if not options.get(name):
                raise ReadFailed(f"the option {name} is missing")
        filters = {name: options[name] for name in FILTERS if name in options}
        if not (options.get("project") or options.get("delivery")):
            raise ReadFailed("the option project is missing, or the option delivery")
        metadata = _conditions(options.get(METADATA, ()))
        if options.get("delivery") and (filters or metadata):
            unwanted = next(iter(filters), METADATA)
            raise ReadFailed(f"a delivery names its tasks itself; leave {unwanted} out")
        found = cls(
            **{name: options[name] for name in _PLACE if name in options},
            filters=filters,
            metadata=metadata,
            options={name: options[name] for name in OPTIONS if name in options},
        )
        _ = found.container
        return found

    @property
    def container(self) -> ExportContainer:
        """Container in which partitions are read; raises ReadFailed without one."""
        listed = self._format.containers
        for container in (ExportContainer.parquet, ExportContainer.jsonl):
            if container in listed:
                return container
        raise ReadFailed(f"{self.format} is for people; take one of the tables")

    @property
    def _format(self) -> ExportFormat:
        found = EXPORT_FORMATS.get(self.format)
        if found is None:
            raise ReadFailed(f"there is no format {self.format}; {', '.join(EXPORT_FORMATS)}")
        return found

    @property
    def schema(self) -> pyarrow.Schema:
        """Schema of the rows, the same for each partition; optional columns may be null."""
        columns = self._format.columns
        return containers.arrow_schema(columns) if columns else LINE

    def plan(self, count: int) -> list[PlannedPartition]:
        """Plan up to `count` partitions; raises ReadFailed."""
        with ExportTransport(self.url, self.key) as server:
            path = self.locate(server)
            asked: dict[str, Any] = {"n": str(count), **self.filters}
            if self.metadata:
                asked[METADATA] = self.metadata
            planned = server.get(f"{path}/partitions", **asked)
        try:
            return [PlannedPartition(path, one["token"], one["tasks"]) for one in planned]
        except (KeyError, TypeError):
            raise ReadFailed(f"{path}/partitions: the answer is no list of partitions") from None

    def locate(self, server: ExportTransport) -> str:
        """Path of the project or delivery, which may be named; names come before ids."""
        if self.project is None:
            return f"/manage/v1/deliveries/{quote(self.delivery or '', safe='')}"
        for name in ("project_name", "project_id"):
            project = server.find("/v2/project", **{name: self.project})
            if project is not None:
                break
        else:
            raise ReadFailed(f"there is no project {self.project!r}")
        if self.delivery is None:
            return managed_project_path(project["id"])
        listed = server.get("/v2/deliveries", project_id=project["id"])["deliveries"]
        for member in ("name", "id"):
            for delivery in listed:
                if delivery[member] == self.delivery:
                    return f"/manage/v1/deliveries/{quote(delivery['id'], safe='')}"
        raise ReadFailed(f"the project has no delivery {self.delivery!r}")

    def read(
        self, partition: PlannedPartition, schema: pyarrow.Schema | None = None
    ) -> Iterator[pyarrow.RecordBatch]:
        """Read a partition in the schema, or in columns and types of another; raises ReadFailed.

        The file is downloaded to a temporary place first, so that a broken connection repeats no
        row.
        """
        asked = {
            "format": self.format,
            "container": self.container.value,
            "partition": partition.token,
            "optional_columns": OptionalColumns.always.value,
        }
        wanted = schema or self.schema
        with tempfile.TemporaryFile(prefix="plaudit-partition-") as file:
            with ExportTransport(self.url, self.key) as server:
                server.download(f"{partition.path}/export", file, **asked, **self.options)
            file.seek(0)
            for batch in self._batches(file):
                yield conform(batch, wanted)

    def _batches(self, file: IO[bytes]) -> Iterator[pyarrow.RecordBatch]:
        if self.container is ExportContainer.parquet:
            yield from pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=BATCH_ROWS)
            return
        columns = self._format.columns
        while lines := list(itertools.islice(file, BATCH_ROWS)):
            if columns:
                yield containers.arrow_batch(lines, columns)
            else:
                texts = [line.rstrip(b"\n").decode() for line in lines]
                yield pyarrow.record_batch([texts], schema=LINE)


def _conditions(given: Any) -> tuple[str, ...]:
    """Conditions of an option: one text, several, or JSON of several."""
    if isinstance(given, str):
        if not given.startswith("["):
            return (given,)
        try:
            return msgspec.json.decode(given, type=tuple[str, ...])
        except msgspec.DecodeError:
            return (given,)  # of a key that begins like that
    return tuple(map(str, given))


def conform(batch: pyarrow.RecordBatch, schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    """Columns of a schema in their order, with its types; null for those that a batch lacks.

    Other versions of the server may have other columns.
    """
    if batch.schema.equals(schema):
        return batch
    arrays = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pyarrow.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)
