"""Size of an export in memory, estimated from a small partition of it."""

from __future__ import annotations

from plaudit.partitioned.export import PartitionedExport

PARTITIONS_MAX = 4096
"""Partitions that a server plans at the most."""

SAMPLE_TASKS = 200


def estimate_bytes(export: PartitionedExport) -> int | None:
    """Bytes of all rows as Arrow, from those of a few tasks; None of an export without tasks."""
    [whole] = export.plan(1)
    if not whole.tasks:
        return None
    count = max(1, min(PARTITIONS_MAX, whole.tasks // SAMPLE_TASKS))
    planned = export.plan(count)
    sample = planned[len(planned) // 2]
    size: int = sum(batch.nbytes for batch in export.read(sample))
    return size * whole.tasks // max(1, sample.tasks)
