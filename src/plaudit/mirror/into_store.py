"""Received lines into the store, by the importer that reads archives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from plaudit.core.transfer.import_summary import Summary
from plaudit.core.transfer.importer import ImportEntry, Reject, Source, import_sources
from plaudit.formats import files
from plaudit.mirror.unknown_members import keep_unknown_members
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import projects
from plaudit.wire.v2 import resources

SHOWN = ("id", "name", "created_at", "types", "models")
"""Members of a project that v2 shows. All others of a stored one stay: they were set here."""


class StoreImport:
    """Import of an assembled archive into one environment; raises what the importer raises.

    After it `unknown` counts the unknown members that were kept, by kind, and `lost` those that had
    no room.
    """

    def __init__(self, archive: Path, on_progress: Callable[[int], None]) -> None:
        self.unknown: Counter[str] = Counter()
        self.lost = 0
        self._archive = archive
        self._on_progress = on_progress

    async def run(
        self,
        db: Database,
        environment_id: str,
        objects: BlobStore,
        *,
        replace: bool,
        strict: bool,
        on_reject: Callable[[Reject], None],
        on_start: Callable[[], None],
    ) -> Summary:
        """Import everything; `on_start` is called before each reading of the archive."""
        async with db.read() as tx:
            stored = {
                project.project_id: resources.archived_project(project)
                for project in await projects.list_projects(tx, environment_id)
            }

        def sources() -> list[Source]:
            on_start()
            self.unknown.clear()
            self.lost = 0
            return [Source(self._archive, lambda: self._entries(stored))]

        return await import_sources(
            db,
            environment_id,
            sources,
            replace=replace,
            strict=strict,
            on_reject=on_reject,
            objects=objects,
        )

    def _entries(self, stored: Mapping[str, dict[str, Any]]) -> Iterator[ImportEntry]:
        for entry in files.entries(
            self._archive, "archive", self._on_progress, called="the server", inflated_max=None
        ):
            value = entry.value
            if entry.kind == "project" and isinstance(value, dict):
                shown = {name: value[name] for name in SHOWN if name in value}
                value = stored.get(str(value.get("id")), {}) | shown
            else:
                value, count = keep_unknown_members(entry.kind, value)
                self.unknown[entry.kind] += max(count, 0)
                self.lost += max(-count, 0)
            yield msgspec.structs.replace(entry, value=value)
