"""Ray data source: a project's tasks, or an export for a trainer, as a Ray dataset.

    ray.data.read_datasource(PlauditDatasource(url=…, key=…, project=…, format="tasks"))

It needs plaudit and pyarrow on every machine of the cluster (docs/partitions.md).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import pyarrow
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from plaudit.partitioned.export import PartitionedExport, PlannedPartition
from plaudit.partitioned.sample import PARTITIONS_MAX, estimate_bytes


class PlauditDatasource(Datasource):  # type: ignore[misc]
    """Data source; keywords are `url`, `key`, `project` or `delivery`, `format`, and the filters
    and options of the export by their names.

    Ray plans several times, with other numbers of tasks each time: every plan holds everything.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._export = PartitionedExport.of(options)

    def get_name(self) -> str:
        """Name of the read tasks."""
        return "Plaudit"

    def estimate_inmemory_data_size(self) -> int | None:
        """Bytes of all rows in memory, from those of a few; None where there are none."""
        return self._size

    @functools.cached_property
    def _size(self) -> int | None:
        return estimate_bytes(self._export)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: Any = None,
    ) -> list[ReadTask]:
        """Plan up to `parallelism` read tasks, each of one partition."""
        planned = self._export.plan(max(1, min(parallelism, PARTITIONS_MAX)))
        tasks = max(1, sum(one.tasks for one in planned))
        size = self._size
        return [
            _read_task(
                self._export,
                one,
                None if size is None else size * one.tasks // tasks,
                per_task_row_limit,
            )
            for one in planned
        ]


def _read_task(
    export: PartitionedExport, planned: PlannedPartition, size: int | None, row_limit: int | None
) -> ReadTask:
    known: dict[str, Any] = {
        "num_rows": None,
        "size_bytes": size,
        "schema": export.schema,
        "input_files": None,
        "exec_stats": None,
    }
    taken = inspect.signature(BlockMetadata).parameters
    metadata = BlockMetadata(**{name: known[name] for name in known if name in taken})
    more: dict[str, Any] = {"schema": export.schema, "per_task_row_limit": row_limit}
    taken = inspect.signature(ReadTask).parameters
    return ReadTask(
        functools.partial(_read, export, planned),
        metadata,
        **{name: more[name] for name in more if name in taken},
    )


def _read(export: PartitionedExport, planned: PlannedPartition) -> Iterator[pyarrow.Table]:
    batches = export.read(planned)
    first = next(batches, None)
    if first is None:
        yield export.schema.empty_table()
        return
    yield pyarrow.Table.from_batches([first])
    for batch in batches:
        yield pyarrow.Table.from_batches([batch])
