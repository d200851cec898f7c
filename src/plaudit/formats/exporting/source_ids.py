"""Ids of exported rows: that of the task, or the one that an imported row came with.

An import prefixes the ids of a set (formats/common/task_ids.py); without the prefix a file that was
imported is exported with the ids it had.
"""

from __future__ import annotations

import re

from plaudit.formats.exporting.comparison import Comparison

_PREFIX = re.compile(r"[a-z][a-z0-9-]*_[0-9a-f]{8}_")


def is_imported(task_id: str) -> bool:
    """True for a task that an import has made of a row of others."""
    return _PREFIX.match(task_id) is not None


def set_id(task_id: str) -> str:
    """Id of a task in the set that it comes from, its own where it comes from none."""
    found = _PREFIX.match(task_id)
    return task_id if found is None else task_id[found.end() :]


def lineage_id(comparison: Comparison) -> str:
    """Id in a row's column `task_id`: that of the row which was imported, else the task's own."""
    given = comparison.metadata.get("task_id")
    if isinstance(given, str) and is_imported(comparison.task_id):
        return given
    return comparison.task_id


def lineage_margin(comparison: Comparison, strength: float | None) -> float | None:
    """Margin of a pair: that of the row which was imported, else the strength of the verdict."""
    given = comparison.metadata.get("margin")
    is_given = isinstance(given, float) and is_imported(comparison.task_id)
    return given if is_given else strength
