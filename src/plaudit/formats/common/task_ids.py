"""Ids of imported tasks: those of the set, else a hash of what the task holds.

An id begins with the format and with a hash of the project's name, so that sets which count their
rows from 1 can stand in one environment, and one set in two projects. A second import of the same
files gives the same ids.
"""

from __future__ import annotations

import hashlib

import msgspec

from plaudit import ids
from plaudit.core.common import names
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.row_store import digest
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.store.transfer.temporary_rows import SeenIdentities

NO_ID = "an item has a blank or unusable id; its content's hash is used"
REPEATED_ID = "an item has an id that stood before; its content's hash is used"
REPEATED_ITEM = "an item is equal to an earlier one; it is a task of its own"

_sorted = msgspec.json.Encoder(order="sorted").encode


class TaskIds:
    """Ids of the tasks of one import, in the order in which the tasks come."""

    def __init__(self, format_name: str, project_name: str, notes: ImportNotes) -> None:
        scope = hashlib.sha256(names.normalize_name(project_name).encode()).hexdigest()[:8]
        self._prefix = f"{format_name}_{scope}_"
        self._notes = notes
        self._seen = SeenIdentities()

    def task_id(self, task: ImportedTask, row: Row, item_key: str | None = None) -> str:
        """Return the id of the next task, whose first row is `row`.

        Where the columns of a mapping say what an item is, `item_key` stands for its content: a
        judgment more does not make it another task.
        """
        content = hashlib.sha256(
            _sorted(task.threads) if item_key is None else item_key.encode()
        ).hexdigest()[:24]
        occurrence = self._seen.count(digest(f"content {content}"))
        if occurrence:
            self._notes.add(REPEATED_ITEM, row)
        if task.item_id is not None:
            given = f"{self._prefix}{task.item_id}"
            if not task.item_id.strip() or not ids.is_usable(given):
                self._notes.add(NO_ID, row)
            elif self._seen.count(digest(f"id {given}")):
                self._notes.add(REPEATED_ID, row)
            else:
                return given
        # A dash, which no hash has, keeps these apart from ids of the set that look like a hash.
        return f"{self._prefix}{content}-{occurrence + 1}"

    def close(self) -> None:
        """Delete what was kept of the ids."""
        self._seen.close()
