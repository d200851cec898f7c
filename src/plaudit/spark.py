"""Spark data source: a project's tasks, or an export for a trainer, as a data frame.

    spark.dataSource.register(PlauditDataSource)
    spark.read.format("plaudit").option("url", …).option("key", …).option("project", …) \\
        .option("format", "tasks").load()

It needs PySpark 4, and plaudit and pyarrow on every machine of the cluster (docs/partitions.md).
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow
from pyspark.sql import datasource
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from plaudit.partitioned.export import PartitionedExport, PlannedPartition
from plaudit.partitioned.pushdown import ColumnTest, push_down

PARTITIONS = "partitions"
"""Option of the number of partitions."""

DEFAULT_PARTITIONS = 64
_WORDS = {
    "EqualTo": "=",
    "GreaterThan": ">",
    "GreaterThanOrEqual": ">=",
    "LessThan": "<",
    "LessThanOrEqual": "<=",
}
_PUSHING_WORKER = "pyspark.sql.worker.data_source_pushdown_filters"


class PlauditDataSource(datasource.DataSource):  # type: ignore[misc]
    """Data source `plaudit`; each partition of the export is one task of Spark.

    Options are `url`, `key`, `project` or `delivery`, `format`, `partitions`, and the filters and
    options of the export by their names.
    """

    @classmethod
    def name(cls) -> str:
        """Name by which a reader is asked for."""
        return "plaudit"

    def schema(self) -> StructType:
        """Schema of the format's columns."""
        return from_arrow_schema(self._export.schema, prefer_timestamp_ntz=False)

    def reader(self, schema: StructType) -> datasource.DataSourceReader:
        """Reader of the columns of a schema.

        Spark refuses a reader that takes filters unless `spark.sql.python.filterPushdown.enabled`
        is set. That cannot be asked here; but if it is, another worker of Spark calls this.
        """
        count = int(self._plain.get(PARTITIONS, DEFAULT_PARTITIONS))
        kind = PushingReader if _is_pushing() else PartitionReader
        return kind(self._export, schema, count)

    @property
    def _plain(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.options.items()}

    @property
    def _export(self) -> PartitionedExport:
        options = self._plain
        options.pop(PARTITIONS, None)
        return PartitionedExport.of(options)


class TokenPartition(datasource.InputPartition):  # type: ignore[misc]
    """Partition of the export, as Spark carries it to a worker."""

    def __init__(self, planned: PlannedPartition) -> None:
        super().__init__(planned.token)
        self.planned = planned


class PartitionReader(datasource.DataSourceReader):  # type: ignore[misc]
    """Reader that plans on the driver and reads on the workers."""

    def __init__(self, export: PartitionedExport, schema: StructType, count: int) -> None:
        self._export = export
        self._schema = schema
        self._count = count

    def partitions(self) -> list[TokenPartition]:
        """Plan the partitions."""
        return [TokenPartition(one) for one in self._export.plan(self._count)]

    def read(self, partition: TokenPartition) -> Iterator[pyarrow.RecordBatch]:
        """Read one partition as Arrow batches of the schema that Spark expects."""
        schema = to_arrow_schema(self._schema, timezone="UTC")
        return self._export.read(partition.planned, schema)


class PushingReader(PartitionReader):
    """Reader that asks the server for less where Spark filters by status, batch or time.

    All filters are left to Spark as well: the server's bounds are milliseconds.
    """

    def pushFilters(self, filters: list[Any]) -> Iterable[Any]:
        """Take what filters say of the tasks; yield all of them."""
        compared = []
        for one in filters:
            word = _WORDS.get(type(one).__name__)
            if word is not None and len(one.attribute) == 1:
                value = one.value
                if isinstance(value, dt.datetime) and value.tzinfo is None:
                    value = value.astimezone(dt.UTC)
                compared.append(ColumnTest(one.attribute[0], word, value))
        self._export = push_down(self._export, compared)
        return filters


def _is_pushing() -> bool:
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    return _PUSHING_WORKER in sys.modules or getattr(main, "name", "") == _PUSHING_WORKER
